// Values that programs may see and nobody may change. Invariant: what was frozen here cannot be changed at any depth.

/** Freezes an object or array and all that is in it; gives it back. Other values stay as they are. */
export function freezeDeep<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
  return value;
}
