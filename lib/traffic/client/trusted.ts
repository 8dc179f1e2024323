// Normalises addresses, and decides which of them belong to trusted proxies in front of us.
// An IPv4 address that a dual-stack socket shows as IPv6 (::ffff:192.0.2.1) is treated as that IPv4 address everywhere.

import { BlockList, isIPv4, isIPv6 } from 'node:net';

const MAPPED = /^::ffff:(?:([\d.]+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/** An address in normal form: `::ffff:192.0.2.1` becomes `192.0.2.1`, a zone id (`%eth0`) is removed, undefined becomes `unknown`. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined || address === '') return 'unknown';
  if (!address.includes(':')) return address;
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  const [, dotted, high, low] = MAPPED.exec(bare) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined || low === undefined) return bare;
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)] as const;
  return bits.map((half) => `${half >> 8}.${half & 0xff}`).join('.');
}

const nobody = () => false;

/**
 * Returns a test whether an address is in one of these networks (`10.0.0.0/8`, `2001:db8::/32`) or is one of these
 * addresses. IPv4 networks contain only IPv4 addresses, mapped ones too; IPv6 networks contain none, not even `::/0`.
 * A text that is not an address is in no network; an empty list contains nothing. Throws Node's ERR_ errors for a text
 * that is not a network: the configuration has checked them.
 */
export function buildTrust(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return nobody;
  // Two lists, since in a single BlockList ::/0 would match IPv4 addresses.
  const networks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const [written = '', bits] = cidr.split('/');
    const plain = plainAddress(written);
    const isMapped = plain !== written && isIPv4(plain) && Number(bits ?? 128) >= 96;
    const network = isMapped ? plain : written;
    const family = isIPv4(network) ? 'ipv4' : 'ipv6';
    if (bits === undefined) networks[family].addAddress(network, family);
    else networks[family].addSubnet(network, Number(bits) - (isMapped ? 96 : 0), family);
  }
  return (address) => {
    const plain = plainAddress(address);
    if (isIPv4(plain)) return networks.ipv4.check(plain, 'ipv4');
    return isIPv6(plain) && networks.ipv6.check(plain, 'ipv6');
  };
}
