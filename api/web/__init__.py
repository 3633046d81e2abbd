"""The planner's page and the front-end assets that the service hands out itself."""
