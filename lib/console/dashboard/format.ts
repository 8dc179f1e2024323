// Figures as the dashboard writes them: three digits at most, with their unit, and a dash for what is unknown.

const UNKNOWN = '–';

/** A number without a unit, such as requests a second: `0.4`, `61`, `12.3k`. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return UNKNOWN;
  if (value >= 999_500) return `${threeDigits(value / 1e6)}M`;
  if (value >= 9999.5) return `${threeDigits(value / 1000)}k`;
  return value >= 9.95 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** A time in ms: `0.42 ms`, `4.2 ms`, `61 ms`, `1.2 s`, `3 min`. */
export function formatMs(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return UNKNOWN;
  if (ms >= 119_500) return `${Math.round(ms / 60_000)} min`;
  if (ms >= 999.5) return `${ms >= 9950 ? Math.round(ms / 1000) : (ms / 1000).toFixed(1)} s`;
  return `${ms >= 9.95 || ms === 0 ? Math.round(ms) : ms.toFixed(ms >= 0.995 ? 1 : 2)} ms`;
}

/** A fraction as a percentage: `0.3 %`, `61 %`. */
export function formatShare(fraction: number | null): string {
  if (fraction === null || !Number.isFinite(fraction)) return UNKNOWN;
  const percent = fraction * 100;
  return `${percent > 0 && percent < 0.05 ? '< 0.1' : percent < 9.95 && percent > 0 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** A size in bytes: `61 MB`. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null || !Number.isFinite(bytes)) return UNKNOWN;
  return bytes >= 1e9 ? `${threeDigits(bytes / 1e9)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

/** The time of day, UTC: the browser replaces it by that of its own time zone. */
export function formatClock(atMs: number): string {
  return isoTime(atMs).slice(11, 19);
}

/** For the `datetime` of a time element. */
export function isoTime(atMs: number): string {
  return new Date(Number.isFinite(atMs) && Math.abs(atMs) < 8.64e15 ? atMs : 0).toISOString();
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.5 ? 0 : 1);
}
