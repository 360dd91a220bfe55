import {spawn, type ChildProcess, type SpawnOptions} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import type {ExecutionContext} from 'ava';
import type {Io, Output} from '../../tools/lib/cli.ts';
import type {TraceReport} from '../../tools/lib/report.ts';
import {main} from '../../tools/replay.ts';

/** The compiled command. */
export const replayCommand = fileURLToPath(new URL('../../tools/replay.js', import.meta.url));

function isRoot(folder: string): boolean {
	const file = path.join(folder, 'package.json');
	return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as {name?: string}).name === 'userfault-model';
}

/** The project's folder: tests run as JavaScript somewhere below it. */
function findRoot(): string {
	for (let folder = path.dirname(fileURLToPath(import.meta.url)); ; folder = path.dirname(folder)) {
		if (isRoot(folder)) return folder;
		if (folder === path.dirname(folder)) throw new Error('no package.json of userfault-model above the tests');
	}
}

export const root = findRoot();

export function inRoot(...parts: readonly string[]): string {
	return path.join(root, ...parts);
}

/** A recording of the project, by its path below `traces/recorded/`. */
export function recorded(name: string): string {
	return inRoot('traces/recorded', name);
}

/** The lines of a recording; a line's number is its place here and 1. */
export function linesOf(name: string): string[] {
	return readFileSync(recorded(name), 'utf8').split('\n');
}

/** The traces of a folder and below it, as paths from there, in order. */
export function tracesBelow(folder: string): string[] {
	if (!existsSync(folder)) return [];
	return readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter(name => /\.csv(\.gz)?$/.test(name)).sort();
}

/** What a trace says, unpacked. */
export function traceText(file: string): string {
	const bytes = readFileSync(file);
	return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(t: ExecutionContext): string {
	const folder = mkdtempSync(path.join(tmpdir(), 'userfault-model-'));
	t.teardown(() => rmSync(folder, {recursive: true, force: true}));
	return folder;
}

/** A file in a folder of its own, gone when the test is over. @returns its path */
export function temporaryFile(t: ExecutionContext, content: string | Uint8Array, name = 't.csv'): string {
	const file = path.join(temporaryFolder(t), name);
	writeFileSync(file, content);
	return file;
}

/** How the command ended, and what it wrote. */
export interface Ran {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** What the command is started in. */
export interface Surroundings {
	readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
	readonly env?: Readonly<Record<string, string>>;
	readonly stdoutIsTTY?: boolean;
	readonly stderrIsTTY?: boolean;
	readonly columns?: number;
}

class Collector implements Output {
	text = '';
	readonly isTTY: boolean;
	readonly columns: number;

	constructor(isTTY: boolean, columns: number) {
		this.isTTY = isTTY;
		this.columns = columns;
	}

	async write(text: string): Promise<void> {
		this.text += text;
	}
}

async function* once(bytes: string | Uint8Array): AsyncGenerator<Uint8Array> {
	yield Buffer.from(bytes);
}

/** Calls the `replay` command in this process. */
export async function replay(argv: readonly string[], {stdin = '', env = {}, stdoutIsTTY = false, stderrIsTTY = false, columns = 80}: Surroundings = {}): Promise<Ran> {
	const stdout = new Collector(stdoutIsTTY, columns), stderr = new Collector(stderrIsTTY, columns);
	const io: Io = {stdin: typeof stdin === 'string' || stdin instanceof Uint8Array ? once(stdin) : stdin, stdout, stderr, env};
	return {status: await main(argv, io), stdout: stdout.text, stderr: stderr.text};
}

/** What `--format json` says of each trace. */
export async function reports(argv: readonly string[], surroundings?: Surroundings): Promise<TraceReport[]> {
	const {stdout} = await replay(['--format', 'json', ...argv], surroundings);
	return stdout.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as TraceReport);
}

/** The environment without what makes a child write down its coverage, which costs time and memory. */
export const plainEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_V8_COVERAGE'));

/** How a child ended. */
export interface Ended {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** Follows a child to its end. */
export function ended(child: ChildProcess): Promise<Ended> {
	let stdout = '', stderr = '';
	child.stdout?.setEncoding('utf8').on('data', (text: string) => {
		stdout += text;
	});
	child.stderr?.setEncoding('utf8').on('data', (text: string) => {
		stderr += text;
	});
	return new Promise((resolve, reject) => {
		child.on('error', reject).on('close', (code, signal) => resolve({code, signal, stdout, stderr}));
	});
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
	return ended(spawn(command, args, {stdio: ['ignore', 'pipe', 'pipe'], ...options}));
}
