"""The compiler from conditions to filter programs. It knows no fields."""
