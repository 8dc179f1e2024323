// Load messages on the wire: what a balancer publishes on `load`. Hosts are `[name, inflight, served]`,
// since there can be thousands of them and they are sent several times a second.

import type { HostLoad, LoadMessage, StaticHost } from '../model.js';
import { type Decoded, decodeFields, isCount, isFields, MESSAGE_VERSION, rejected } from './decode.js';
import { isName, originOf } from './names.js';

/** A load message longer than this is dropped unread: 16,384 hosts with long names fit. */
const MAX_LENGTH = 4 << 20;

/** A load message as it is published. */
export function encodeLoad(message: LoadMessage): string {
  return JSON.stringify({
    v: MESSAGE_VERSION,
    balancer: message.balancer,
    instance: message.instance,
    ...(message.isFull && { full: true, statics: message.statics }),
    hosts: message.hosts.map(({ host, inflight, served }) => [host, inflight, served]),
  });
}

/** Reads a load message; one wrong entry drops the whole, since a part would be counted wrongly. */
export function decodeLoad(text: unknown): Decoded<LoadMessage> {
  const decoded = decodeFields(text, MAX_LENGTH);
  if (!decoded.ok) return decoded;
  const { balancer, instance, full, hosts, statics = [] } = decoded.value;
  if (!isName(balancer) || !isName(instance)) return rejected('name');
  if (!Array.isArray(hosts) || !Array.isArray(statics)) return rejected('malformed');
  const loads: HostLoad[] = [];
  for (const entry of hosts) {
    if (!Array.isArray(entry)) return rejected('malformed');
    const [host, inflight, served] = entry as unknown[];
    if (!isName(host)) return rejected('name');
    if (!isCount(inflight) || !isCount(served) || inflight > 0x7fffffff) return rejected('malformed');
    loads.push({ host, inflight, served });
  }
  const staticHosts: StaticHost[] = [];
  for (const entry of statics) {
    if (!isFields(entry) || !isName(entry.name)) return rejected('name');
    const url = originOf(entry.url);
    if (url === null) return rejected('malformed');
    staticHosts.push({ name: entry.name, url });
  }
  return { ok: true, value: { balancer, instance, isFull: full === true, hosts: loads, statics: staticHosts } };
}
