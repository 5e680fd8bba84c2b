"""Text in general, whatever document or question it comes from."""
