/**
 * Tapwire as a library. A switch on TAP devices is a Datapath; one in memory, for tests, replays and browsers, is an
 * Engine over a MemoryFrameIo.
 */

export { type Lab, type LabEndpoint, type LabNetwork, type LabSandbox } from './control/lab.ts'
export { loadLab, parseLab } from './control/lab-file.ts'
export { Datapath, type DatapathDomain, type DatapathOptions, type DatapathPort } from './daemon/datapath.ts'
export { accepts, checkProgram, type FilterProgram } from './datapath/capture/frame-filter.ts'
export { Counters, type PortCount } from './datapath/counters.ts'
export { DROP_REASONS, DropReason, type DropReasonText } from './datapath/drop-reason.ts'
export { Engine, type EngineOptions } from './datapath/engine.ts'
export { FrameMemory } from './datapath/frame-memory.ts'
export type { DomainSettings, PortSettings } from './datapath/port-table.ts'
export { dissect } from './inspect/dissect/dissect.ts'
export type {
  DissectedField,
  DissectedLayer,
  Dissection,
  DissectOptions,
} from './inspect/dissect/dissection.ts'
export { type DissectionJson, dissectionJson } from './inspect/dissect/dissection-json.ts'
export {
  LineWriter,
  type LineWriterOptions,
  type PacketLineOptions,
  packetLine,
  TIME_FORMATS,
  type TimeFormat,
} from './inspect/dissect/line-writer.ts'
export { hexDump, type TreeTextOptions, treeText } from './inspect/dissect/tree-text.ts'
export { compileFilter, type FilterNames } from './inspect/filter/compile-filter.ts'
export { FilterError } from './inspect/filter/filter-error.ts'
export { PacketFilter } from './inspect/filter/packet-filter.ts'
export {
  type CapturedPacket,
  type CaptureFormat,
  type CaptureInterface,
  type CaptureName,
  type CaptureStatistics,
  type CaptureTime,
  Direction,
  type OtherBlock,
} from './inspect/pcap/capture-file.ts'
export { CaptureFileError } from './inspect/pcap/capture-file-error.ts'
export { CaptureInput, openCapture } from './inspect/pcap/capture-input.ts'
export { CaptureReader, ReadResult } from './inspect/pcap/capture-reader.ts'
export { type PcapSettings, PcapWriter } from './inspect/pcap/pcap-writer.ts'
export {
  type CaptureSink,
  type InterfaceSettings,
  type PacketSettings,
  type PcapngSettings,
  PcapngWriter,
  type StatisticsSettings,
} from './inspect/pcap/pcapng-writer.ts'
export type { FrameIo } from './ports/frame-io.ts'
export { MemoryFrameIo, type QueuedFrame } from './ports/memory-frame-io.ts'
export { NativeFrameIo, type NativeFrameIoSettings, openWake, wake } from './ports/native-frame-io.ts'
export { openTap, type Tap, TapError, TapFeature, type TapOptions } from './ports/tap.ts'
export type { Station } from './tables/mac-table.ts'
