// Certificates and private keys as PEM text. What is wrong with one is said in a phrase for a person: OpenSSL's own
// words are for programmers, and differ from version to version.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Reads the private key of a PEM text. Throws an error whose message is the reason. */
export function readPrivateKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(keyReason(pem.toString('latin1')), { cause: error });
  }
}

function keyReason(pem: string): string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem))
    return 'the key needs a passphrase: write it without one (openssl pkey -in FILE -out NEW-FILE)';
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return 'its private key is damaged, or of a kind that Node.js does not know';
  return pem.includes('-----BEGIN CERTIFICATE-----') ? 'it holds a certificate, and no private key' : 'no private key in PEM form';
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Every certificate of a PEM text, in order; what stands around them is passed over. Throws when there is none and
 * when one cannot be read; the error's message is the reason.
 */
export function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  const begun = pem.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (begun === 0) throw new Error('no certificate in PEM form');
  // A block that is cut off does not count as one that is not there.
  if (blocks.length !== begun) throw new Error('a certificate in it is cut off');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error(begun === 1 ? 'its certificate is damaged' : `certificate ${index + 1} of ${begun} is damaged`, { cause: error });
    }
  });
}
