"""Sources into articles: fetched or read, parsed where it can be killed, told apart from what is known, published."""
