import {spawnSync} from 'node:child_process';
import {closeSync, cpSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, symlinkSync, writeFileSync, writeSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {parse} from 'csv-parse';
import {parse as parseSync} from 'csv-parse/sync';
import {symbolsOf} from '../arch/symbols.ts';
import {revisions} from '../include/linux/revision.ts';
import {SymbolTable, TraceReader} from './lib/scan.ts';
import {readerFor, Session} from './lib/session.ts';
import {DEFAULT_CONFIG} from '../include/linux/machine.ts';

// npm run bench: the replay of a postcopy migration, side by side with csv-parse reading the same file and with the scanner alone. Each run is a process
// of its own, the rounds take turns, and what is printed are medians.

const PAGES = 2 ** 18, GUEST = 0x100_0000_0000, TEMPORARY = 0x200_0000_0000, ROUNDS = 5;

/** The pages of the guest in the order in which it touches them: all of them once, not one behind the other. */
function pageAt(i: number): number {
	return (i * 5381) % PAGES;
}

/** Writes the trace: for each page a fault, a fill of a temporary page, a move, and a touch that finds the content. @returns how many rows */
function writeTrace(file: string, pages: number): number {
	const out = openSync(file, 'w'), hex = (address: number): string => `0x${address.toString(16)}`;
	const head = [
		'event,task,a0,a1,a2,a3,a4,a5,result',
		'config,,revision,2014-10',
		`mmap,,${hex(GUEST)},${hex(PAGES * 4096)},PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,${hex(GUEST)}`,
		`mmap,,${hex(TEMPORARY)},0x1000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,${hex(TEMPORARY)}`,
		`madvise,,${hex(GUEST)},${hex(PAGES * 4096)},MADV_USERFAULT,,,,0`,
		`madvise,,${hex(TEMPORARY)},0x1000,MADV_DONTFORK,,,,0`,
	];
	writeSync(out, `${head.join('\n')}\n`);
	for (let i = 0; i < pages;) {
		let text = '';
		for (const end = Math.min(pages, i + 4096); i < end; i++) {
			const page = hex(GUEST + pageAt(i) * 4096), temporary = hex(TEMPORARY);
			text += `read,,${page},,,,,,SIGBUS@${page}\nwrite,,${temporary},8,${i + 1},,,,ok\n`
				+ `remap_anon_pages,,${page},${temporary},0x1000,0,,,4096\nread,,${page},8,${i + 1},,,,ok\n`;
		}
		writeSync(out, text);
	}
	closeSync(out);
	return head.length - 2 + 4 * pages;
}

function* chunks(file: string): Generator<Uint8Array> {
	const input = openSync(file, 'r'), buffer = Buffer.alloc(2 ** 18);
	for (let bytes = readSync(input, buffer); bytes > 0; bytes = readSync(input, buffer)) yield buffer.subarray(0, bytes);
	closeSync(input);
}

/** How csv-parse reads what the format allows. */
const CSV = {comment: '#', comment_no_infix: true, relax_column_count_less: true} as const;

/** What is timed, by name. Each reads the file and returns how many rows it saw. */
const workers: Readonly<Record<string, (file: string) => number | Promise<number>>> = {
	replay(file) {
		let different = false;
		const session = new Session({maxPages: DEFAULT_CONFIG.max_pages, keepGoing: false}, {
			afterRow(_row, _session, mismatch) {
				different ||= mismatch !== null;
				return !different;
			},
		});
		const reader = readerFor(file, session);
		for (const chunk of chunks(file)) if (!reader.push(chunk)) break;
		reader.end();
		if (different) throw new Error('the model does not agree with the trace');
		return session.rows;
	},
	scanner(file) {
		let rows = 0;
		const reader = new TraceReader(file, {
			onRow() {
				rows++;
				return true;
			},
		});
		reader.symbols = new SymbolTable(symbolsOf('x86_64', revisions['2014-10']));
		for (const chunk of chunks(file)) reader.push(chunk);
		reader.end();
		return rows;
	},
	'csv-parse-sync': file => parseSync(readFileSync(file), CSV).length,
	async 'csv-parse'(file) {
		let rows = 0;
		const parser = parse(CSV);
		parser.on('readable', () => {
			while (parser.read() !== null) rows++;
		});
		const done = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject));
		for (const chunk of chunks(file)) if (!parser.write(Buffer.from(chunk))) await new Promise(resolve => parser.once('drain', resolve));
		parser.end();
		await done;
		return rows;
	},
};

interface Result {
	readonly ms: number;
	readonly rows: number;
	readonly rss: number;
	readonly scavenged: number;
}

/** In the process of a worker: prints the result as JSON. */
async function work(name: string, file: string): Promise<void> {
	const {PerformanceObserver} = await import('node:perf_hooks');
	let collections = 0;
	const observer = new PerformanceObserver(list => {
		collections += list.getEntries().length;
	});
	observer.observe({entryTypes: ['gc']});
	const start = process.hrtime.bigint(), rows = await workers[name]!(file), ms = Number(process.hrtime.bigint() - start) / 1e6;
	await new Promise(resolve => setTimeout(resolve, 10));
	console.log(JSON.stringify({ms, rows, rss: process.resourceUsage().maxRSS * 1024, scavenged: collections}));
}

const here = fileURLToPath(import.meta.url);

function runWorker(script: string, name: string, file: string): Result {
	const {stdout, stderr, status} = spawnSync(process.execPath, [script, '--worker', name, file], {encoding: 'utf8'});
	if (status !== 0) throw new Error(`${name}: ${stderr}`);
	return JSON.parse(stdout) as Result;
}

/** How long a program runs: the median. */
function milliseconds(args: readonly string[]): number {
	return median(Array.from({length: ROUNDS}, () => {
		const start = process.hrtime.bigint();
		spawnSync(process.execPath, args, {stdio: 'ignore'});
		return Number(process.hrtime.bigint() - start) / 1e6;
	}));
}

/** A copy of the compiled model whose decisions, named points and locks do nothing at all: what they cost is the difference. */
function withoutBookkeeping(folder: string): string {
	const dist = path.dirname(path.dirname(here)), copy = path.join(folder, 'without');
	cpSync(dist, copy, {recursive: true});
	symlinkSync(path.join(dist, '..', 'node_modules'), path.join(folder, 'node_modules'));
	writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
	edit(path.join(copy, 'include/linux/lockdep.js'), [[/^\s*if \(lockdep !== null\)\s*\n?\s*.*;$/gm, '']]);
	edit(path.join(copy, 'include/linux/decisions.js'), [[/m\.decided\[.*;$/m, ''], [/m\.taken\[.*;$/m, '']]);
	return path.join(copy, 'tools/bench.js');
}

function edit(file: string, changes: readonly (readonly [RegExp, string])[]): void {
	let source = readFileSync(file, 'utf8');
	for (const [from, to] of changes) {
		const changed = source.replace(from, to);
		if (changed === source) throw new Error(`${file} has nothing like ${from.source}`);
		source = changed;
	}
	writeFileSync(file, source);
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function main(): void {
	const folder = mkdtempSync(path.join(os.tmpdir(), 'userfault-bench-'));
	try {
		const file = path.join(folder, 'postcopy-1GiB.csv'), rows = writeTrace(file, PAGES), without = withoutBookkeeping(folder);
		const runs: readonly (readonly [label: string, script: string, worker: string])[] = [
			['replay', here, 'replay'], ['replay, no bookkeeping', without, 'replay'], ['scanner alone', here, 'scanner'], ['csv-parse, as a stream', here, 'csv-parse'],
			['csv-parse, all at once', here, 'csv-parse-sync'],
		];
		const results = new Map<string, Result[]>(runs.map(([label]) => [label, []]));
		console.log(`postcopy, 1 GiB in ${PAGES} pages: ${rows} rows; ${ROUNDS} rounds; Node ${process.version}, ${os.cpus().length} processors`);
		for (let round = 0; round < ROUNDS; round++) for (const [label, script, worker] of runs) results.get(label)!.push(runWorker(script, worker, file));
		const ms = (label: string): number => median(results.get(label)!.map(result => result.ms));
		for (const [label, measured] of results) {
			const times = measured.map(result => result.ms), spread = `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)}`;
			const rate = (rows / ms(label) / 1000).toFixed(2), rss = (median(measured.map(result => result.rss)) / 2 ** 20).toFixed(0);
			console.log(`${label.padEnd(24)} ${ms(label).toFixed(0).padStart(6)} ms (${spread}), ${rate} million rows a second, ${rss} MiB resident at the most, ${median(measured.map(r => r.scavenged))} collections`);
		}
		for (const way of ['as a stream', 'all at once']) console.log(`rows a second, replay against csv-parse, ${way}: ${(ms(`csv-parse, ${way}`) / ms('replay')).toFixed(2)} times`);
		console.log(`time, replay against the scanner alone: ${(ms('replay') / ms('scanner alone')).toFixed(2)} times`);
		const pairs = results.get('replay')!.map((result, i) => result.ms / results.get('replay, no bookkeeping')![i]!.ms);
		console.log(`time, with decisions, points and locks against without: ${median(pairs).toFixed(3)} times`);
		const [nothing, answer] = [['-e', '0'], [path.join(path.dirname(here), 'abi.js'), 'MADV_USERFAULT']].map(milliseconds) as [number, number];
		console.log(`abi MADV_USERFAULT ${answer.toFixed(0)} ms, node -e 0 ${nothing.toFixed(0)} ms; ${(answer / (1.5 * nothing + 60)).toFixed(2)} of 1.5 times that and 60 ms`);
	} finally {
		rmSync(folder, {recursive: true});
	}
}

if (process.argv[2] === '--worker') await work(process.argv[3]!, process.argv[4]!);
else if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
