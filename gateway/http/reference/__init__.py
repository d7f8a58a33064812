"""The API reference: what the OpenAPI document is made of beside the routes, and the page that shows it."""
