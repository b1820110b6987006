"""Who acts: tenants, principals, sign-in and tokens. Roles are policy's (see `policy`)."""
