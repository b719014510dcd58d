"""Tables of syncd: their declaration, their migrations, and every statement on them."""
