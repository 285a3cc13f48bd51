/** The smallest value that `share` (0 to 1) of the sorted values do not exceed. */
export function percentile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export const median = (values) => percentile(values, 0.5);
export const rounded = (value, digits = 1) => Number(value.toFixed(digits));

export function summary(values, digits = 1) {
    const at = (share) => rounded(percentile(values, share), digits);
    return { n: values.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
