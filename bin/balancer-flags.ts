// The flags of `meercat balancer`, as one table: each flag with its field of the configuration, what it means
// and how it is read; those for requests come from balancer-traffic-flags.ts. The command line, the configuration and
// docs/flags.md are checked against it.

import { MINUTE } from '../lib/clock.js';
import {
  CONSOLE_PORT_OFFSET,
  CONSOLE_TOKEN_VARIABLE,
  DEFAULTS,
  parseAddress,
  parseAlgorithm,
  parseCidr,
  parseDnsServer,
  parsePort,
  parseStaticHost,
} from '../lib/config/config.js';
import { parseMethods } from '../lib/config/methods.js';
import { parseProcesses } from '../lib/config/processes.js';
import { NAME_POLICIES, UTF8_POLICIES } from '../lib/config/traffic-config.js';
import { ALGORITHMS } from '../lib/model.js';
import { completeAddress } from '../lib/redis/address.js';
import { duration, type FlagGroup, word } from './balancer-flag.js';
import { TRAFFIC_FLAGS } from './balancer-traffic-flags.js';

/** All flags, in groups, as `--help` lists them. */
export const BALANCER_FLAGS: readonly FlagGroup[] = [
  [
    'Fleet',
    [
      {
        field: 'redis',
        flags: '--redis <url>',
        help: 'Redis; an odd number of independent ones makes a quorum for the lease, the first also carries the data; repeatable',
        shown: DEFAULTS.redis[0],
        isRepeatable: true,
        complete: completeAddress,
      },
      {
        field: 'namespace',
        flags: '--namespace <name>',
        help: "first part of every key and channel; '{meercat}' on Redis Cluster",
        shown: DEFAULTS.namespace,
      },
      {
        field: 'fleetKeyFile',
        flags: '--fleet-key <file>',
        help: 'the key that signs what balancers, agents and operators say in Redis: what is not signed with it is dropped; read again when it changes (meercat fleet-key)',
        shown: '',
      },
      {
        field: 'name',
        flags: '--name <name>',
        help: "this balancer's name in the fleet; refused while another balancer lives under it (default: the machine's name and the port)",
        shown: '',
      },
      {
        field: 'algorithm',
        flags: '--algorithm <name>',
        help: `how hosts are picked: ${ALGORITHMS.join(', ')}`,
        shown: DEFAULTS.algorithm,
        parse: parseAlgorithm,
      },
      {
        field: 'statics',
        flags: '--host <url[,name=NAME]>',
        help: 'a host that runs already and has no agent, by http://, https://, or for HTTP/2 h2:// or h2+tls://; after dns+ all addresses of a DNS name, after srv+ the targets of a service; repeatable',
        shown: '',
        parse: parseStaticHost,
        isRepeatable: true,
      },
      {
        field: 'dnsServers',
        flags: '--dns-server <address>',
        help: 'who resolves these names, perhaps with a port; repeatable (default: as the machine is configured)',
        shown: '',
        parse: (text) => parseDnsServer('--dns-server', text),
        isRepeatable: true,
      },
      {
        field: 'siteFile',
        flags: '--site <file>',
        help: 'pools and routes of this balancer while the fleet has none in Redis (meercat apply)',
        shown: '',
      },
      {
        field: 'isSitePublished',
        flags: '--publish-site',
        help: 'where the fleet has no site, --site becomes that of the whole fleet',
        shown: '',
      },
      {
        field: 'stateDir',
        flags: '--state-dir <dir>',
        help: "keep the fleet's last site there, for a start while Redis is away",
        shown: '',
      },
      duration('leaseTtlMs', '--lease-ttl', 'how long the lease outlives a dead master', 500, MINUTE),
    ],
  ],
  [
    'Listening',
    [
      {
        field: 'port',
        flags: '--port <port>',
        help: 'where clients connect; 0 for any free port',
        shown: String(DEFAULTS.port),
        parse: (text) => parsePort('--port', text),
      },
      { field: 'bind', flags: '--bind <address>', help: 'the address to listen on', shown: DEFAULTS.bind },
      {
        field: 'processes',
        flags: '--processes <n>',
        help: 'how many processes serve the port, each a balancer of the fleet: NAME-1 to NAME-n',
        shown: String(DEFAULTS.processes),
        parse: parseProcesses,
      },
      {
        field: 'consolePort',
        flags: '--console-port <port>',
        help: `where the console answers: health pages, metrics, the dashboard /.meercat/ (default: --port + ${CONSOLE_PORT_OFFSET}; any free one when that is above 65535; each further process: one higher)`,
        shown: '',
        parse: (text) => parsePort('--console-port', text),
      },
      {
        field: 'consoleBind',
        flags: '--console-bind <address>',
        help: 'the address that the console listens on; beyond loopback all pages but those of health need a token',
        shown: DEFAULTS.consoleBind,
        parse: (text) => parseAddress('--console-bind', text),
      },
      {
        field: 'consoleTokenFile',
        flags: '--console-token-file <file>',
        help: `the console's token, for "Authorization: Bearer TOKEN": to read beyond loopback, and to drain hosts and the like from the dashboard; or set it in ${CONSOLE_TOKEN_VARIABLE}, which has no flag`,
        shown: '',
      },
      {
        field: 'tlsCerts',
        flags: '--tls-cert <file>',
        help: 'a PEM certificate with its chain: clients speak TLS; chosen by server name, the first one is the default; reloaded on SIGHUP; repeatable',
        shown: '',
        isRepeatable: true,
      },
      {
        field: 'tlsKeys',
        flags: '--tls-key <file>',
        help: 'the PEM key of each --tls-cert, in the same order; repeatable',
        shown: '',
        isRepeatable: true,
      },
      {
        field: 'trust',
        flags: '--trust <cidr>',
        help: 'proxies in front: their X-Forwarded-* and Forwarded are kept and extended, and other claims of origin, such as X-Real-IP, kept; repeatable',
        shown: '',
        parse: (text) => parseCidr('--trust', text),
        isRepeatable: true,
      },
      {
        field: 'isProxyAccepted',
        flags: '--accept-proxy',
        help: 'connections from --trust begin with a PROXY header, v1 or v2',
        shown: '',
      },
      {
        field: 'isH2cAccepted',
        flags: '--h2c',
        help: 'without TLS, clients may also speak HTTP/2 from the first byte on (prior knowledge); with TLS they choose it by ALPN',
        shown: '',
      },
      {
        field: 'isHttp1Only',
        flags: '--http1-only',
        help: 'do not offer HTTP/2 to clients over TLS',
        shown: '',
      },
      word(
        'oddNames',
        '--odd-names',
        'what to do with header names that a host may take for others, such as those with _, which CGI reads as -',
        NAME_POLICIES,
        'policy',
      ),
      {
        field: 'methods',
        flags: '--methods <list>',
        help: 'the methods that are served, separated by commas, else 405; any: all but CONNECT and TRACE',
        shown: 'any',
        parse: (text) => parseMethods('--methods', text),
      },
      word(
        'utf8Targets',
        '--utf8-targets',
        'what to do with targets that have bytes above ASCII; only UTF-8 passes',
        UTF8_POLICIES,
        'policy',
      ),
    ],
  ],
  ...TRAFFIC_FLAGS,
];
