/** How many letters to add, take away or change make one text of another. */
export function distance(a: string, b: string): number {
	let row = Array.from({length: b.length + 1}, (_, i) => i);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
		row = next;
	}
	return row[b.length]!;
}

/** The names that are most like one, at most three, the nearest first; case does not count. */
export function nearest(name: string, names: Iterable<string>): string[] {
	const wanted = name.toUpperCase(), most = Math.max(2, Math.ceil(name.length / 3));
	return [...new Set(names)].map(known => ({known, far: distance(wanted, known.toUpperCase())})).filter(({far}) => far <= most)
		.sort((a, b) => a.far - b.far || (a.known < b.known ? -1 : 1)).slice(0, 3).map(({known}) => known);
}
