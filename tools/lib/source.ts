import {createReadStream} from 'node:fs';
import {readdir, stat} from 'node:fs/promises';
import path from 'node:path';
import {createGunzip} from 'node:zlib';
import {TraceError} from './errors.ts';

/** Bytes of a file that are read at once. */
const CHUNK = 2 ** 18;

/** How much of a pipe is kept, so that it can be gone through again when there is a difference to explain. */
const KEPT_OF_PIPE = 2 ** 26;

/** Where a trace comes from. */
export interface Source {
	/** As messages print it. */
	readonly name: string;
	/** The bytes, uncompressed. */
	open(): AsyncIterable<Uint8Array>;
	/** Whether `open` works again. */
	canReopen(): boolean;
}

const messages: Readonly<Record<string, string>> = {
	ENOENT: 'nothing of that name',
	EACCES: 'a file that may not be read',
	EPERM: 'a file that may not be read',
	EISDIR: 'a folder',
};

/** An error of reading, as one line. */
function unreadable(name: string, error: unknown): TraceError {
	const {code, message} = error as NodeJS.ErrnoException;
	if (code?.startsWith('Z_') === true) return new TraceError(name, 0, 0, 'gzip data that is whole', message);
	return new TraceError(name, 0, 0, 'a trace that can be read', (code === undefined ? undefined : messages[code]) ?? message);
}

/** What comes through a gzip filter if it begins like gzip, and as it is otherwise. */
async function* plain(name: string, input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	try {
		const iterator = input[Symbol.asyncIterator](), head = await atLeast(2, iterator);
		const all = chain(head, iterator);
		if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(all);
		else yield* all;
	} catch (error) {
		throw error instanceof TraceError ? error : unreadable(name, error);
	}
}

/** The first bytes, more than asked for where a chunk has more. */
async function atLeast(bytes: number, iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
	let head: Uint8Array = new Uint8Array(0);
	while (head.length < bytes) {
		const next = await iterator.next();
		if (next.done === true) break;
		head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
	}
	return head;
}

async function* chain(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
	if (head.length > 0) yield head;
	for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}

async function* gunzip(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	const filter = createGunzip({chunkSize: CHUNK});
	const writing = (async () => {
		try {
			for await (const chunk of input) {
				if (!filter.write(chunk)) await new Promise<void>(resolve => filter.once('drain', resolve).once('close', resolve));
				if (filter.destroyed) return;
			}
			filter.end();
		} catch (error) {
			filter.destroy(error as Error);
		}
	})();
	try {
		yield* filter as AsyncIterable<Uint8Array>;
		await writing;
	} finally {
		filter.destroy();
	}
}

export function fileSource(file: string): Source {
	return {
		name: file,
		open: () => plain(file, createReadStream(file, {highWaterMark: CHUNK})),
		canReopen: () => true,
	};
}

/** Standard input. A part of it is kept, to be gone through again. */
export function pipeSource(name: string, input: AsyncIterable<Uint8Array>): Source {
	const kept: Uint8Array[] = [];
	let bytes = 0, started = false;
	async function* keep(): AsyncGenerator<Uint8Array> {
		for await (const chunk of input) {
			bytes += chunk.length;
			if (bytes <= KEPT_OF_PIPE) kept.push(chunk);
			else kept.length = 0;
			yield chunk;
		}
	}
	async function* again(): AsyncGenerator<Uint8Array> {
		yield* kept;
	}
	return {
		name,
		open() {
			const first = !started;
			started = true;
			return plain(name, first ? keep() : again());
		},
		canReopen: () => bytes <= KEPT_OF_PIPE,
	};
}

function isTraceName(name: string): boolean {
	return name.endsWith('.csv') || name.endsWith('.csv.gz');
}

/** The traces of a folder and below it, in the order of their names. */
async function tracesIn(folder: string): Promise<string[]> {
	const entries = await readdir(folder, {withFileTypes: true, recursive: true});
	const files = entries.filter(entry => (entry.isFile() || entry.isSymbolicLink()) && isTraceName(entry.name)).map(entry => path.join(entry.parentPath, entry.name));
	if (files.length === 0) throw new TraceError(folder, 0, 0, 'traces (*.csv, *.csv.gz)', 'none in the folder');
	return files.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The traces that an argument stands for: a file, a folder, or `-`. @throws TraceError if there are none */
export async function sourcesOf(argument: string, stdin: AsyncIterable<Uint8Array>): Promise<Source[]> {
	if (argument === '-') return [pipeSource('-', stdin)];
	try {
		const found = await stat(argument);
		if (found.isDirectory()) return (await tracesIn(argument)).map(fileSource);
		// a named pipe or a device gives what it has once
		return [found.isFile() ? fileSource(argument) : pipeSource(argument, createReadStream(argument, {highWaterMark: CHUNK}))];
	} catch (error) {
		throw error instanceof TraceError ? error : unreadable(argument, error);
	}
}
