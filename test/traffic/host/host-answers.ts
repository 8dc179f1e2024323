// What the matrix of hosts is made of, and the shorthand for its entries.

/** What a host does, one after the other: bytes in latin1, or one of these. */
export type HostAct =
  | { readonly bytes: string }
  /** Waits until the client has got something. */
  | 'seen'
  | 'end'
  | 'reset';

/** How a host behaves, and what its client gets. */
export interface HostAnswer {
  readonly name: string;
  readonly acts: readonly HostAct[];
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** What the client speaks; 1.1 by default. */
  readonly version: '1.0' | '1.1';
  /** The status of a whole answer, with its body; `cut`: begun, and visibly not whole. */
  readonly gets: { readonly status: number; readonly body: string | RegExp } | 'cut';
  /** How many hosts a GET is sent to; a POST is only ever sent to one. */
  readonly asked: 1 | 2;
  /** Whether the connection to the host carries the next request. */
  readonly isKept: boolean;
  /** A part of the head that the client gets. */
  readonly head: RegExp;
}

/** Says what differs from a GET that one host answers well. */
export function entry(
  name: string,
  acts: string | readonly HostAct[],
  gets: HostAnswer['gets'],
  fields: Partial<HostAnswer> = {},
): HostAnswer {
  return {
    name,
    acts: typeof acts === 'string' ? [{ bytes: acts }] : acts,
    method: 'GET',
    version: '1.1',
    gets,
    asked: 1,
    isKept: false,
    head: /^/,
    ...fields,
  };
}

/** No answer: the balancer says so, after it has asked another host. */
export function bad(name: string, acts: string | readonly HostAct[]): HostAnswer {
  return entry(name, acts, { status: 502, body: /"MEERCAT_BAD_RESPONSE"/ }, { asked: 2 });
}

/** The connection ended before there was a head. */
export function lost(name: string, acts: string | readonly HostAct[]): HostAnswer {
  return entry(name, acts, { status: 502, body: /"MEERCAT_HOST_UNREACHABLE"/ }, { asked: 2 });
}

/** An answer that breaks off after its head was passed on. */
export function cutOff(name: string, acts: string | readonly HostAct[], fields: Partial<HostAnswer> = {}): HostAnswer {
  return entry(name, acts, 'cut', fields);
}

/** An answer that is well. */
export function well(name: string, bytes: string, body: string, fields: Partial<HostAnswer> = {}): HostAnswer {
  return entry(name, bytes, { status: 200, body }, { isKept: true, ...fields });
}

/** An answer of status 200 with these lines. */
export function ok(body: string, ...lines: readonly string[]): string {
  return ['HTTP/1.1 200 OK', ...lines, '', body].join('\r\n');
}

/** Its head is passed on, and only then comes the end of it. */
export function broken(bytes: string, how: 'end' | 'reset'): readonly HostAct[] {
  return [{ bytes }, 'seen', how];
}
