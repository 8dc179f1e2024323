// An OpenTelemetry collector that keeps the spans it gets, and answers as the test says.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { OtlpSpan } from '../../lib/otlp/spans.js';
import { withServer } from './brackets.js';

/** One export request. */
export interface Export {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly OtlpSpan[];
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A running collector. */
export interface Collector {
  readonly url: string;
  /** What came so far, whatever was answered. */
  readonly exports: readonly Export[];
  /** All spans so far. */
  spans(): readonly OtlpSpan[];
}

/** The attributes of a span or a resource by name. */
export function attributesOf(list: OtlpSpan['attributes']): Record<string, string | number> {
  return Object.fromEntries(
    list.map(({ key, value }) => [
      key,
      'stringValue' in value ? value.stringValue : 'intValue' in value ? Number(value.intValue) : value.doubleValue,
    ]),
  );
}

/** Runs a collector; by default it takes everything. @param answer gets the number of the export, from 1 */
export function withCollector<T>(
  fn: (collector: Collector) => Promise<T>,
  answer: (response: ServerResponse, number: number) => void = (response) => void response.end('{}'),
): Promise<T> {
  const exports: Export[] = [];
  return withServer(
    (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (bytes: Buffer) => parts.push(bytes));
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as {
          readonly resourceSpans: readonly [
            { readonly resource: Pick<OtlpSpan, 'attributes'>; readonly scopeSpans: readonly [{ readonly spans: OtlpSpan[] }] },
          ];
        };
        const [{ resource, scopeSpans }] = resourceSpans;
        exports.push({
          path: request.url ?? '',
          headers: request.headers,
          spans: scopeSpans[0].spans,
          resource: attributesOf(resource.attributes),
        });
        answer(response, exports.length);
      });
    },
    ({ url }) => fn({ url, exports, spans: () => exports.flatMap(({ spans }) => spans) }),
  );
}
