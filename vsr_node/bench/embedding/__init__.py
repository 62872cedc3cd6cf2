"""An embedded group under load, beside PySyncObj: ``bench embedding``."""
