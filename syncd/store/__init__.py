"""syncd's own tables: their declaration, migrations, and every statement on them."""
