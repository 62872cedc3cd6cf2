"""The commands: their words, their options, their exit statuses."""
