import {realpathSync} from 'node:fs';
import process from 'node:process';
import {fileURLToPath} from 'node:url';

/** What a tool reads and writes, so that tests can call it. */
export interface Io {
	readonly stdin: AsyncIterable<Uint8Array>;
	readonly stdout: Output;
	readonly stderr: Output;
	readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where text goes. */
export interface Output {
	/** Resolves when more may be written. */
	write(text: string): Promise<void>;
	readonly isTTY: boolean;
	readonly columns: number;
}

/** A tool: arguments and streams in, a status out. */
export interface Main {
	(argv: readonly string[], io: Io): Promise<number>;
}

/** What a shell sees of a program that a closed pipe or Ctrl-C ended: 128 and the number of the signal. */
const CLOSED_PIPE = 128 + 13, INTERRUPTED = 128 + 2;

function outputTo(stream: NodeJS.WriteStream): Output {
	return {
		write: text => new Promise(resolve => {
			if (text === '' || stream.write(text)) resolve();
			else stream.once('drain', resolve);
		}),
		isTTY: stream.isTTY === true,
		columns: stream.columns ?? 80,
	};
}

/** The program that a module is, when it was started as one. Only here does a tool meet the process. */
export function run(main: Main, url: string): void {
	const started = process.argv[1];
	if (started === undefined || realpathSync(started) !== fileURLToPath(url)) return;
	for (const stream of [process.stdout, process.stderr]) {
		stream.on('error', error => {
			if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
			process.exit(CLOSED_PIPE);
		});
	}
	process.on('SIGINT', () => process.exit(INTERRUPTED));
	const io: Io = {stdin: process.stdin, stdout: outputTo(process.stdout), stderr: outputTo(process.stderr), env: process.env};
	main(process.argv.slice(2), io).then(status => {
		process.exitCode = status;
	}, error => {
		process.stderr.write(`${(error as Error).stack}\n`);
		process.exitCode = 3;
	});
}
