"""The long checks behind `scripts/soak`: what they are (`checks`) and how they are run (`runs`)."""
