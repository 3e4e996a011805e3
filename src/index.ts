export { DROP_REASONS, DropReason } from './datapath/drop-reason.ts'
