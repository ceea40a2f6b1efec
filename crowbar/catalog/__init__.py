"""The catalog: barclamps found, validated and rendered."""
