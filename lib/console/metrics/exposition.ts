// The two text formats that Prometheus reads: its own, version 0.0.4, and OpenMetrics 1.0. A family of metrics is described
// once; the formats differ in the names of counters, in units, in infos and in the last line. PURE.

/** The formats. */
export type Exposition = 'prometheus' | 'openmetrics';

/** What a family's values are. An `info` has the value 1; what it tells stands in its labels. */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'info';

/** One value, with its labels as `labelsOf` writes them. */
export interface MetricSample {
  readonly labels: string;
  readonly value: number;
}

/** The values of one histogram. */
export interface HistogramSample {
  readonly labels: string;
  /** Number of values below each bound of `BOUND_LABELS`, and of all values. */
  readonly cumulative: readonly number[];
  /** Sum of all values, in the unit of the name. */
  readonly sum: number;
}

/** What every family has. `Facts` is what its values are read from. */
interface FamilyHead {
  /** As queries have it: a counter ends in `_total`, and what has a unit in `_seconds`, `_bytes` or `_ratio`, before that. */
  readonly name: string;
  /** One phrase, without a full stop. */
  readonly help: string;
  /** The names of its labels, for documents. */
  readonly labels: readonly string[];
}

/** A family of metrics of one name. */
export type MetricFamily<Facts> = FamilyHead &
  (
    | { readonly type: Exclude<MetricType, 'histogram'>; readonly samples: (facts: Facts) => Iterable<MetricSample> }
    | { readonly type: 'histogram'; readonly samples: (facts: Facts) => Iterable<HistogramSample> }
  );

/** The bounds of all histograms, in ms: each is a bound of the buckets that latencies are counted in. */
export const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000] as const;

/** The bounds in seconds as OpenMetrics writes them: 1 is `1.0`. In both formats, so that a query fits both. */
export const BOUND_LABELS: readonly string[] = BOUNDS_MS.map((ms) => (ms % 1000 === 0 ? `${ms / 1000}.0` : String(ms / 1000)));

const CONTENT_TYPES: Readonly<Record<Exposition, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The Content-Type of a format. */
export const contentTypeOf = (exposition: Exposition): string => CONTENT_TYPES[exposition];

/** Length of text after which `writeFamilies` hands it out. */
const PIECE_LENGTH = 65_536;

/**
 * The format that a client prefers, by its Accept header (RFC 9110, section 12.5.1). Prometheus' own unless OpenMetrics 1.0
 * is named with at least the same weight.
 */
export function expositionFor(accept: string): Exposition {
  let openMetrics = 0;
  let plain = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1) || 0;
    const version = parameters.find((each) => each.startsWith('version='))?.slice(8);
    if (type === 'application/openmetrics-text' && (version ?? '1.0.0') === '1.0.0') openMetrics = Math.max(openMetrics, weight);
    if (type === 'text/plain') plain = Math.max(plain, weight);
  }
  return openMetrics > 0 && openMetrics >= plain ? 'openmetrics' : 'prometheus';
}

/** Labels as they stand between braces; '' for none. */
export function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join();
}

/** A label's value between its quotes: backslash, quote and line feed are escaped; whatever else is kept. */
function escapeLabel(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`).replaceAll('"', String.raw`\"`)
    : value;
}

/** A number as both formats write it. */
function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/**
 * Writes families in their order, in pieces of about 64 KiB: between two of them the caller may do other work. A piece ends
 * at the end of a line. Values that are NaN are left out: they are not known.
 */
export function* writeFamilies<Facts>(families: readonly MetricFamily<Facts>[], facts: Facts, exposition: Exposition): Generator<string> {
  let text = '';
  for (const family of families) {
    text += headOf(family, exposition);
    const { name } = family;
    if (family.type === 'histogram') {
      for (const sample of family.samples(facts)) {
        text += histogramLines(name, sample);
        if (text.length < PIECE_LENGTH) continue;
        yield text;
        text = '';
      }
      continue;
    }
    for (const { labels, value } of family.samples(facts)) {
      if (Number.isNaN(value)) continue;
      text += labels === '' ? `${name} ${numberText(value)}\n` : `${name}{${labels}} ${numberText(value)}\n`;
      if (text.length < PIECE_LENGTH) continue;
      yield text;
      text = '';
    }
  }
  yield exposition === 'openmetrics' ? `${text}# EOF\n` : text;
}

/** The lines before a family's values. */
function headOf({ name, type, help }: FamilyHead & { readonly type: MetricType }, exposition: Exposition): string {
  if (exposition === 'prometheus') return `# HELP ${name} ${help}.\n# TYPE ${name} ${type === 'info' ? 'gauge' : type}\n`;
  // In OpenMetrics the suffix belongs to the value, not to the family.
  const family = type === 'counter' ? name.replace(/_total$/, '') : type === 'info' ? name.replace(/_info$/, '') : name;
  const unit = /_(seconds|bytes|ratio)$/.exec(family)?.[1];
  return `# HELP ${family} ${help}.\n# TYPE ${family} ${type}\n${unit === undefined ? '' : `# UNIT ${family} ${unit}\n`}`;
}

function histogramLines(name: string, { labels, cumulative, sum }: HistogramSample): string {
  const prefix = labels === '' ? '' : `${labels},`;
  let lines = '';
  for (const [i, bound] of BOUND_LABELS.entries()) lines += `${name}_bucket{${prefix}le="${bound}"} ${cumulative[i]}\n`;
  const all = cumulative[BOUND_LABELS.length];
  const braces = labels === '' ? '' : `{${labels}}`;
  return `${lines}${name}_bucket{${prefix}le="+Inf"} ${all}\n${name}_sum${braces} ${numberText(sum)}\n${name}_count${braces} ${all}\n`;
}
