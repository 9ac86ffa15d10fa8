"""What goes in and out of the API, as strict models, and the OpenAPI document made of them."""
