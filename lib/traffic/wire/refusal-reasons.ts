// Why a request was refused. Runs only after the refusal, so good requests pay nothing and the parser need not record
// reasons. Query strings, credentials and bodies are never quoted. Pure.

import { whyBadChunk, whyBadTrailer } from './chunk-reasons.js';
import { headerLinesOf, oddNameOf, valuesOf, whyBadCoding, whyBadLength, whyBrokenLines } from './head-reasons.js';
import { TOKEN_CHARS } from './grammar.js';
import { boundReason, describeByte, describeSize, quote, quoteValue } from './reason-text.js';
import type { Refusal } from './refusals.js';
import type { HeadRules } from './request-head.js';

/** The longest method that is quoted. */
const MAX_METHOD = 32;

/**
 * Why a request was refused, in a few words; the counter's name if nothing more is known.
 * @param text latin1, from the refused head or part of the body on, as far as it has arrived
 */
export function whyRefused(refusal: Refusal, text: string, rules: HeadRules): string {
  return boundReason(find(refusal, text, rules));
}

function find(refusal: Refusal, text: string, rules: HeadRules): string {
  const lines = headerLinesOf(text);
  const [line = ''] = text.split(/[\r\n]/, 1);
  const minorVersion = line.endsWith('1.0') ? 0 : 1;
  const [method = ''] = line.split(' ', 1);
  switch (refusal.counter as string) {
    case 'refused_request_line':
      return whyBadRequestLine(text, line);
    case 'refused_version':
      return `version ${quote(line.slice(line.lastIndexOf(' ') + 1))}`;
    case 'refused_target':
      return whyBadTarget(method, line.split(' ')[1] ?? '');
    case 'refused_url_size':
      return `target above --max-url-size (${describeSize(rules.maxUrlSize)})`;
    case 'refused_method':
      // A longer one may be anything, a secret too.
      return method.length > MAX_METHOD ? `method of more than ${MAX_METHOD} characters` : `method ${quote(method)}`;
    case 'refused_host_header':
      return whyBadHost(line, lines);
    case 'refused_header_line':
      return whyBrokenLines(lines, 'head') ?? 'header line';
    case 'refused_header_name':
      return `header name ${quote(oddNameOf(lines) ?? '')}`;
    case 'refused_header_size':
      return text.length > rules.maxHeaderSize
        ? `head above --max-header-size (${describeSize(rules.maxHeaderSize)})`
        : `more than ${rules.maxHeaders} header lines (--max-headers)`;
    case 'refused_content_length':
      return whyBadLength(lines, false) ?? 'content-length';
    case 'refused_transfer_encoding':
      return whyBadCoding(lines, minorVersion) ?? 'transfer-encoding';
    case 'refused_body':
      return `${quote(method)} with a body in HTTP/1.${minorVersion}`;
    case 'refused_upgrade':
      return `upgrade to ${quoteValue(valuesOf(lines, 'upgrade')[0] ?? '')} ${minorVersion === 0 ? 'in HTTP/1.0' : 'with a body'}`;
    case 'refused_expectation':
      return `expect ${quoteValue(valuesOf(lines, 'expect')[0] ?? '')}`;
    case 'refused_body_size':
      return `body above --max-body-size (${describeSize(rules.maxBodySize)})`;
    case 'refused_chunk':
      return whyBadChunk(refusal.code === 'MEERCAT_BODY_TOO_LARGE' ? 'too-long' : 'bad', text);
    case 'refused_trailer':
      // Skips the last chunk if it arrived together with the trailers.
      return whyBadTrailer(text.replace(/^0+(?:;[^\r\n]*)?\r\n/, ''));
    default:
      return refusal.counter.replace(/^refused_/, '').replaceAll('_', ' ');
  }
}

const NO_TOKEN = new RegExp(`[^${TOKEN_CHARS}]`);

/** Bytes that are not a request line may be anything, so at most one of them is quoted. */
function whyBadRequestLine(text: string, line: string): string {
  if (text.startsWith('\x16\x03')) return 'TLS on a port for plain HTTP';
  if (/^PROXY (?:TCP|UNKNOWN)/.test(text) || text.startsWith('\r\n\r\n\0\r\nQUIT\n')) {
    return 'PROXY header without --accept-proxy, or from a peer outside --trust';
  }
  if (line === '' && text !== '') return 'empty line in place of a request line';
  if (text.startsWith('\n', line.length)) return 'bare LF after the request line';
  const method = line.slice(0, line.indexOf(' ') < 0 ? line.length : line.indexOf(' '));
  const odd = NO_TOKEN.exec(method)?.[0];
  if (odd !== undefined) return `${describeByte(odd.charCodeAt(0))} in the method`;
  const control = /[^\x20-\x7e]/.exec(line)?.[0];
  if (control !== undefined) return `byte ${describeByte(control.charCodeAt(0))} in the request line`;
  const words = line.split(' ');
  if (words.includes('')) return 'two spaces in the request line';
  return words.length < 3 ? 'request line without a version' : 'request line of more than three words';
}

function whyBadTarget(method: string, target: string): string {
  const odd = /[^\x21\x22\x24-\x7e]/.exec(target)?.[0];
  if (odd !== undefined) return `${describeByte(odd.charCodeAt(0))} in the target`;
  if (target === '*') return `target * with ${quote(method)}`;
  const [, scheme, authority = ''] = /^([A-Za-z][0-9A-Za-z+.-]{0,31}):\/\/([^/?]*)/.exec(target) ?? [];
  if (scheme === undefined) return 'target that is no path';
  if (!/^https?$/i.test(scheme)) return `target of scheme ${quote(scheme)}`;
  return authority.includes('@') ? 'target with credentials' : `target of host ${quote(authority)}`;
}

function whyBadHost(line: string, lines: string): string {
  const [host, second] = valuesOf(lines, 'host');
  if (host === undefined) return 'no Host header';
  if (second !== undefined) return `host ${quoteValue(host)} and ${quoteValue(second)}`;
  const authority = /^\S+ https?:\/\/([^/?@]*)(?:[/?]| )/i.exec(line)?.[1];
  return authority === undefined ? `host ${quoteValue(host)}` : `host ${quoteValue(host)} for a target of ${quote(authority)}`;
}
