// How large a site and its document can be. Apart from the reader, so that files can be read without it.

/** The largest document, in bytes of UTF-8. */
export const MAX_SITE_BYTES = 1 << 20;

/** Most pools of a site, `default` among them. */
export const MAX_SITE_POOLS = 1024;

/** Most routes of a site. */
export const MAX_SITE_ROUTES = 10_000;

/** Most hosts of a site that its document names. No list or map of a document can have more entries. */
export const MAX_SITE_HOSTS = 16_384;

/** How deep values of a document may be nested; a site needs 8 levels. */
export const MAX_SITE_DEPTH = 32;
