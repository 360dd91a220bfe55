#!/usr/bin/env node
import yargs from 'yargs';
import {ModelBug} from '../include/linux/bug.ts';
import {DEFAULT_CONFIG} from '../include/linux/machine.ts';
import {isRevisionName, revisions} from '../include/linux/revision.ts';
import {EVENT, EVENTS} from '../kernel/events.ts';
import type {Mismatch} from './lib/check.ts';
import {type Io, type Output, run} from './lib/cli.ts';
import {Coverage} from './lib/coverage.ts';
import {dump} from './lib/dump.ts';
import {TraceError} from './lib/errors.ts';
import {explain, finding, type Finding, lineEnd, rowText} from './lib/explain.ts';
import {Filler} from './lib/fill.ts';
import type {Colour, Format} from './lib/formats/format.ts';
import {json} from './lib/formats/json.ts';
import {junit} from './lib/formats/junit.ts';
import {tap} from './lib/formats/tap.ts';
import {text} from './lib/formats/text.ts';
import {hex} from '../kernel/observe.ts';
import type {Status, TraceReport} from './lib/report.ts';
import type {TraceReader} from './lib/scan.ts';
import {type Onlooker, readerFor, Session, type SessionOptions} from './lib/session.ts';
import {type Source, sourcesOf} from './lib/source.ts';

const formats: Readonly<Record<string, () => Format>> = {text, tap, json, junit};

const OPTIONS = {
	'format': {choices: Object.keys(formats), default: 'text', describe: 'how results are printed'},
	'keep-going': {type: 'boolean', default: false, describe: 'go on past a difference; the model keeps its own state'},
	'until': {type: 'number', describe: 'stop after the row on this line', requiresArg: true},
	'watch': {type: 'string', describe: 'print what is at an address after each row that changes it', requiresArg: true},
	'dump': {type: 'boolean', default: false, describe: 'print vmas, page tables, page frames and swap at the end'},
	'revision': {choices: Object.keys(revisions), describe: 'in place of the one that the trace names', requiresArg: true},
	'fill': {type: 'boolean', default: false, describe: 'write the trace to standard output, empty results filled in by the model'},
	'coverage': {type: 'boolean', default: false, describe: 'list all decisions with how often the traces took each'},
	'max-pages': {type: 'number', default: DEFAULT_CONFIG.max_pages, describe: 'page frames that the machine has', requiresArg: true},
} as const;

/** What the options come to. */
interface Settings {
	readonly format: Format;
	/** A program reads what is printed. */
	readonly forPrograms: boolean;
	readonly session: SessionOptions;
	readonly until: number | undefined;
	readonly watch: number | undefined;
	readonly dump: boolean;
	readonly fill: boolean;
	readonly coverage: Coverage | null;
	readonly colour: Colour;
}

/** The user asked for something that is not there. */
class UsageError extends Error {}

const noColour: Colour = (_, plain) => plain;
const CODES = {red: 31, green: 32} as const;

function colourFor(io: Io): Colour {
	const wanted = io.stdout.isTTY && (io.env['NO_COLOR'] ?? '') === '';
	return wanted ? (name, plain) => `\u001B[${CODES[name]}m${plain}\u001B[0m` : noColour;
}

/** A whole number of an option. */
function whole(name: string, value: number | undefined, least: number, most: number): number | undefined {
	if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most)) throw new UsageError(`--${name}: expected a number from ${least} to ${most}`);
	return value;
}

function addressOf(value: string | undefined): number | undefined {
	if (value === undefined) return undefined;
	const address = /^(0x[0-9a-f]+|[0-9]+)$/i.test(value) ? Number(value) : NaN;
	if (!(address < 2 ** 47)) throw new UsageError('--watch: expected an address below 2^47');
	return address;
}

/** Options and traces; null where yargs has answered already, as for --help. */
function settingsOf(argv: readonly string[], io: Io): {settings: Settings, traces: string[], output: string} {
	let output = '';
	const args = yargs([...argv]).scriptName('replay').usage('$0 <trace..>\n\nReplays recorded traces through the model and compares. A trace is a file, a folder, or - for standard input.')
		.parserConfiguration({'parse-positional-numbers': false}).options(OPTIONS).strictOptions().fail(false).exitProcess(false).wrap(Math.min(io.stdout.columns, 120))
		.epilogue('Exit status: 0 all agree, 1 a row differs, 2 unusable input, 3 the model found itself wrong.')
		.parseSync([...argv], {}, (_error, _args, text_) => {
			output = text_;
		});
	const {revision} = args, traces = args._.map(String);
	for (const option of Object.keys(OPTIONS)) if (Array.isArray(args[option])) throw new UsageError(`--${option}: expected once`);
	if (args.fill && traces.length > 1) throw new UsageError('--fill: expected one trace');
	if (output === '' && traces.length === 0) throw new UsageError('Which trace? (--help says more)');
	return {
		traces,
		output,
		settings: {
			format: formats[args.format]!(),
			forPrograms: args.format !== 'text',
			session: {
				revision: revision !== undefined && isRevisionName(revision) ? revision : undefined,
				maxPages: whole('max-pages', args['max-pages'], 1, 2 ** 26)!,
				keepGoing: args['keep-going'] || args.fill,
			},
			until: whole('until', args.until, 1, Number.MAX_SAFE_INTEGER),
			watch: addressOf(args.watch),
			dump: args.dump,
			fill: args.fill,
			coverage: args.coverage ? new Coverage() : null,
			colour: colourFor(io),
		},
	};
}

/** As `settingsOf`; whatever yargs complains of is an error of usage. */
function readArguments(argv: readonly string[], io: Io): ReturnType<typeof settingsOf> {
	try {
		return settingsOf(argv, io);
	} catch (error) {
		throw new UsageError((error as Error).message.trim().replace(/\s*\n\s*/g, ' '));
	}
}

/** Follows one trace: finds differences, and prints what the options ask for. */
class Follower implements Onlooker {
	private readonly settings: Settings;
	private readonly file: string;
	readonly findings: Finding[] = [];
	/** What is to be printed, until the next chunk is read: the trace that is filled in, and what was watched. */
	private filled = '';
	private text = '';
	private readonly filler: Filler | null;
	/** What the watched address held, by task. */
	private readonly watched = new Map<number, string>();

	constructor(file: string, settings: Settings) {
		this.file = file;
		this.settings = settings;
		this.filler = settings.fill ? new Filler() : null;
	}

	afterRow(row: TraceReader, session: Session, mismatch: Mismatch | null): boolean {
		const {settings} = this;
		if (settings.watch !== undefined && row.event < EVENT.pte) this.watch(row, session, settings.watch);
		if (this.filler !== null) this.filled += this.filler.row(row, session) + lineEnd(row);
		if (mismatch !== null) {
			this.findings.push(finding(row, session, mismatch));
			if (!settings.session.keepGoing) return false;
		}
		return settings.until === undefined || row.line < settings.until;
	}

	/** A comment, a blank line, the header, or a configuration row, which `--fill` writes as it is. @returns false to stop */
	copy(row: TraceReader): boolean {
		if (this.filler !== null) this.filled += rowText(row) + lineEnd(row);
		return this.settings.until === undefined || row.line < this.settings.until;
	}

	private watch(row: TraceReader, session: Session, watched: number): void {
		const {PAGE_SIZE, TASK_SIZE} = session.machine.arch, address = watched - (watched % PAGE_SIZE);
		if (address >= TASK_SIZE) return;
		for (const [pid, task] of session.machine.tasks) {
			const now = session.observer.describe(task.mm!, address), before = this.watched.get(pid) ?? 'none';
			this.watched.set(pid, now);
			if (now !== before) this.text += `${this.file}:${row.line}: ${EVENTS[row.event]!.name}: ${hex(address)} of task ${pid}: ${now}\n`;
		}
	}

	/** Prints what was to be printed: the trace goes to standard output, and what was watched too, unless the trace does. */
	async print(io: Io): Promise<void> {
		const {filled, text: watched} = this;
		this.filled = '';
		this.text = '';
		await io.stdout.write(filled);
		await besides(this.settings, io).write(watched);
	}
}

/** Where reports go: to standard output, unless that is a trace which is filled in. */
function reportsTo(settings: Settings, io: Io): Output {
	return settings.fill ? io.stderr : io.stdout;
}

/** Where everything else for people goes: not between the reports that a program reads. */
function besides(settings: Settings, io: Io): Output {
	return settings.forPrograms ? io.stderr : reportsTo(settings, io);
}

/** Milliseconds between two signs of life. */
const PROGRESS = 200;

/** Says on a terminal how far a long trace has got. */
class Progress {
	private last = Date.now();
	private shown = false;
	private readonly io: Io;

	constructor(io: Io) {
		this.io = io;
	}

	async tell(file: string, rows: number): Promise<void> {
		if (!this.io.stderr.isTTY || Date.now() - this.last < PROGRESS) return;
		this.last = Date.now();
		this.shown = true;
		await this.io.stderr.write(`\r\u001B[K${file}: ${rows} rows`);
	}

	async clear(): Promise<void> {
		if (this.shown) await this.io.stderr.write('\r\u001B[K');
		this.shown = false;
	}
}

/** Reads a trace to its end, or to where it stops. */
async function follow(source: Source, session: Session, follower: Follower, io: Io): Promise<TraceReader> {
	const reader = readerFor(source.name, session), progress = new Progress(io);
	try {
		let goOn = true;
		for await (const chunk of source.open()) {
			goOn = reader.push(chunk);
			await follower.print(io);
			await progress.tell(source.name, session.rows);
			if (!goOn) break;
		}
		if (goOn) reader.end();
		return reader;
	} catch (error) {
		if (error instanceof TraceError) throw error;
		// whatever else comes out of the model is the model's own failure
		throw new ModelBug(`${source.name}:${reader.line}: model bug: ${(error as Error).message}`, {cause: error});
	} finally {
		await follower.print(io);
		await progress.clear();
	}
}

function errorReport(file: string, error: unknown, session: Session | null): TraceReport {
	const status = error instanceof TraceError ? 2 : 3;
	return {file, status, revision: session?.machine?.config.revision ?? '', rows: session?.rows ?? 0, differences: [], error: (error as Error).message};
}

/** Replays one trace. */
async function replayOne(source: Source, settings: Settings, io: Io): Promise<TraceReport> {
	const follower = new Follower(source.name, settings), session = new Session(settings.session, follower);
	session.onComment = row => follower.copy(row);
	try {
		await follow(source, session, follower, io);
		session.begin();
		settings.coverage?.add(session.machine.config.revision, session.machine.taken);
		const differences = await explain(source, settings.session, follower.findings);
		if (settings.dump) for (const line of dump(session.machine)) await besides(settings, io).write(`${line}\n`);
		return {file: source.name, status: differences.length > 0 ? 1 : 0, revision: session.machine.config.revision, rows: session.rows, differences, error: null};
	} catch (error) {
		return errorReport(source.name, error, session);
	}
}

/** Replays traces one after the other and prints what each came to. @returns the worst status */
async function replayAll(traces: readonly string[], settings: Settings, io: Io): Promise<Status> {
	const reports: TraceReport[] = [], out = reportsTo(settings, io), {format} = settings;
	await out.write(format.begin?.() ?? '');
	for (const argument of traces) {
		for await (const report of replayArgument(argument, settings, io)) {
			reports.push(report);
			if (report.error !== null) await io.stderr.write(`${report.error}\n`);
			await out.write(format.trace(report, settings.colour));
		}
	}
	await out.write(format.end?.(reports) ?? '');
	if (settings.coverage !== null) for (const line of settings.coverage.lines()) await besides(settings, io).write(`${line}\n`);
	return reports.reduce<Status>((worst, {status}) => (status > worst ? status : worst), 0);
}

async function* replayArgument(argument: string, settings: Settings, io: Io): AsyncGenerator<TraceReport> {
	let sources: Source[];
	try {
		sources = await sourcesOf(argument, io.stdin);
	} catch (error) {
		yield errorReport(argument, error, null);
		return;
	}
	if (settings.fill && sources.length !== 1) throw new UsageError('--fill: expected one trace');
	for (const source of sources) yield await replayOne(source, settings, io);
}

/** The `replay` command. @returns 0 all agree, 1 a row differs, 2 unusable input, 3 the model found itself wrong */
export async function main(argv: readonly string[], io: Io): Promise<number> {
	try {
		const {settings, traces, output} = readArguments(argv, io);
		if (output === '') return await replayAll(traces, settings, io);
		await io.stdout.write(`${output}\n`);
		return 0;
	} catch (error) {
		if (!(error instanceof UsageError)) throw error;
		await io.stderr.write(`replay: ${error.message}\n`);
		return 2;
	}
}

run(main, import.meta.url);
