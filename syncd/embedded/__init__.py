"""PostgreSQL and MongoDB from packages, for the demo and the tests: in a folder of their own, gone when their user is.

    with embedded.postgres(folder / "pg") as pg, embedded.mongod(folder / "mongo") as mongo:
        engine = sqlalchemy.create_engine(pg.url)
        client = pymongo.MongoClient(mongo.uri)

Each is a context manager that returns when the server takes connections and stops it on leaving, by whatever way.
Nothing of it is for production: whoever may enter the folder (PostgreSQL) or use the machine (MongoDB) is let in.
"""

from syncd.embedded.mongod_binary import ensure_mongod, find_mongod
from syncd.embedded.mongodb import Mongod, mongod
from syncd.embedded.postgresql import Postgres, postgres

__all__ = ["Mongod", "Postgres", "ensure_mongod", "find_mongod", "mongod", "postgres"]
