// Whether a client takes gzip (RFC 9110, 12.5.3). Pure.

/** Whether `Accept-Encoding` names gzip, or everything, without refusing it (`q=0`). */
export function acceptsGzip(acceptEncoding: string): boolean {
  const offers = new Map(
    acceptEncoding
      .toLowerCase()
      .split(',')
      .map((offer) => {
        const [coding = '', ...parameters] = offer.split(';').map((part) => part.trim());
        return [coding, !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))];
      }),
  );
  return offers.get('gzip') ?? offers.get('*') ?? false;
}
