// Asks DNS servers one question: by UDP, by TCP when the answer did not fit, each with its own timeout, one server after
// the other. Node's own resolver tells no TTL of SRV records, hence this one. Forged answers have to guess the port and the
// id of the question, both of them random for each question (RFC 5452), and to come from the server's address.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns';
import { connect, isIP } from 'node:net';
import { type DnsServer, readDnsServer } from '../config/values.js';
import { messageOf } from '../errors.js';
import { startTimeout } from '../timeout.js';
import { decodeDnsAnswer, type DnsAnswer, type DnsType, encodeQuestion, RCODES } from './dns-message.js';

/** How long one server has for one question by UDP, and by TCP. */
const ANSWER_TIMEOUT_MS = 1000;

/** How often each server is asked: a datagram may be lost. */
const ROUNDS = 2;

/** Maximum servers asked, as in resolv.conf: they bound how long a look-up takes. */
const MAX_SERVERS = 3;

/** The servers that this machine is configured with, as of now. */
export function systemServers(): DnsServer[] {
  return new Resolver().getServers().flatMap((text) => readDnsServer(text) ?? []);
}

/**
 * Asks for the records of a type. Resolves to the answer of the first server that knows: with records, without any, or that
 * the name does not exist. Rejects with a reason for people when none does, after 2 s for each of the first three servers.
 */
export async function askDns(servers: readonly DnsServer[], name: string, type: DnsType): Promise<DnsAnswer> {
  let reason = 'no DNS server is known';
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of servers.slice(0, MAX_SERVERS)) {
      try {
        let answer = await askByUdp(server, name, type);
        if (answer.isTruncated) answer = await askByTcp(server, name, type);
        if (answer.rcode === 0 || RCODES[answer.rcode] === 'NXDOMAIN') return answer;
        reason = `${server.address} answered ${RCODES[answer.rcode] ?? `error ${answer.rcode}`}`;
      } catch (error) {
        reason = `${server.address}: ${messageOf(error)}`;
      }
    }
  }
  throw new Error(reason);
}

function askByUdp(server: DnsServer, name: string, type: DnsType): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    const id = randomInt(0x10000);
    const socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4');
    let isClosed = false;
    const end = (settle: () => void): void => {
      if (isClosed) return;
      isClosed = true;
      timeout.clear();
      socket.close();
      settle();
    };
    const fail = (error: Error): void => end(() => reject(error));
    const timeout = startTimeout(ANSWER_TIMEOUT_MS, () => fail(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)));
    socket.on('error', fail);
    socket.on('message', (message) => {
      const answer = decodeDnsAnswer(message, id, name, type);
      // What does not fit the question may be forged: the real answer can still come.
      if (answer !== null) end(() => resolve(answer));
    });
    // Connected, a socket only takes what comes from the server.
    socket.connect(server.port, server.address, () => {
      if (!isClosed) socket.send(encodeQuestion(id, name, type));
    });
  });
}

function askByTcp(server: DnsServer, name: string, type: DnsType): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    const id = randomInt(0x10000);
    const socket = connect({ host: server.address, port: server.port });
    let received = Buffer.alloc(0);
    const end = (settle: () => void): void => {
      timeout.clear();
      socket.destroy();
      settle();
    };
    const fail = (reason: string): void => end(() => reject(new Error(reason)));
    const timeout = startTimeout(ANSWER_TIMEOUT_MS, () => fail(`no answer by TCP within ${ANSWER_TIMEOUT_MS} ms`));
    socket.on('error', (error) => fail(messageOf(error)));
    socket.on('close', () => fail('the connection was closed without an answer'));
    socket.on('connect', () => {
      const question = encodeQuestion(id, name, type);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(question.length);
      socket.write(Buffer.concat([length, question]));
    });
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      // The length is two bytes: an answer is at most 64 KiB, and more than one is not read.
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = decodeDnsAnswer(received.subarray(2, 2 + received.readUInt16BE(0)), id, name, type);
      if (answer === null || answer.isTruncated) fail('malformed answer');
      else end(() => resolve(answer));
    });
  });
}
