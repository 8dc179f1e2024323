// A real server of gRPC with its health service (grpc.health.v1), as services register it: messages by protobufjs, from
// the service's definition (https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto).

import { loadPackageDefinition, Server, ServerCredentials, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { CertificatePair } from './certificates.js';

/** A serving status of the health service. */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

/** What a check is answered with: a status, or the code of an error. */
export type HealthAnswer = (service: string, metadata: ReadonlyMap<string, string>) => ServingStatus | number;

const DEFINITION = fromJSON(
  {
    nested: {
      grpc: {
        nested: {
          health: {
            nested: {
              v1: {
                nested: {
                  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
                  HealthCheckResponse: {
                    fields: { status: { type: 'ServingStatus', id: 1 } },
                    nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } } },
                  },
                  Health: { methods: { Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse', comment: '' } } },
                },
              },
            },
          },
        },
      },
    },
  },
  { enums: String, defaults: true },
);

type Call = { readonly request: { readonly service: string }; readonly metadata: { getMap(): Record<string, unknown> } };
type Answered = (error: Partial<ServiceError> | null, value?: { readonly status: ServingStatus }) => void;

/** A running server. */
export interface GrpcHealthHost {
  /** `h2://127.0.0.1:…`, or `h2+tls://` with a certificate. */
  readonly url: string;
  readonly port: number;
}

/** Serves the health service on a free port of 127.0.0.1; undefined: a server of gRPC that has none. */
export async function withGrpcHealthHost<T>(
  answer: HealthAnswer | undefined,
  fn: (host: GrpcHealthHost) => T | Promise<T>,
  pair?: CertificatePair,
): Promise<T> {
  const server = new Server();
  if (answer !== undefined) {
    const { Health } = (loadPackageDefinition(DEFINITION) as unknown as { grpc: { health: { v1: { Health: ServiceClientConstructor } } } })
      .grpc.health.v1;
    server.addService((Health as ServiceClientConstructor).service, {
      Check({ request, metadata }: Call, done: Answered) {
        const result = answer(request.service, new Map(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)])));
        if (typeof result === 'number') done({ code: result, details: 'as the test says' });
        else done(null, { status: result });
      },
    });
  }
  const credentials =
    pair === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(pair.cert), private_key: Buffer.from(pair.key) }]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  try {
    return await fn({ url: `${pair === undefined ? 'h2' : 'h2+tls'}://127.0.0.1:${port}`, port });
  } finally {
    server.forceShutdown();
  }
}
