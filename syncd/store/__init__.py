"""syncd's own tables (DESIGN §8): their declaration, migrations, and every statement on them."""
