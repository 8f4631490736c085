"""The database: tables, migrations, and verbs over them. The only place that knows tortoise-orm."""
