// How large a site document can be. Apart from the reader, so that files can be read without it.

/** The largest document, in bytes of UTF-8. */
export const MAX_SITE_BYTES = 1 << 20;
