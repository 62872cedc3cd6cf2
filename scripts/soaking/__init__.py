"""The long checks of ``scripts/soak``: their list (``checks``) and their execution (``runs``)."""
