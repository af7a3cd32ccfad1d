/* Names that the vendors of HSMs publish beside the standard's: CA_ of Luna (its
   sfnt_extensions.h), CT_ of ProtectServer (its ctvdef.h and ctextra.h). */
#define VENDOR(X) \
	X(CA_GetFunctionList) X(CA_WaitForSlotEvent) X(CA_InitIndirectToken) X(CA_InitIndirectPIN) X(CA_ResetPIN) \
	X(CA_CreateLoginChallenge) X(CA_Deactivate) X(CA_OpenSession) X(CA_OpenSessionWithAppID) X(CA_IndirectLogin) \
	X(CA_InitializeRemotePEDVector) X(CA_DeleteRemotePEDVector) X(CA_GetRemotePEDVectorStatus) X(CA_ConfigureRemotePED) \
	X(CA_DismantleRemotePED) X(CA_ConnectRemotePED) X(CA_DisconnectRemotePED) X(CA_SetPedId) X(CA_GetPedId) \
	X(CA_Restart) X(CA_RestartForContainer) X(CA_CloseApplicationID) X(CA_CloseApplicationIDForContainer) \
	X(CA_OpenApplicationID) X(CA_OpenApplicationIDForContainer) X(CA_SetApplicationID) X(CA_ManualKCV) X(CA_SetLKCV) \
	X(CA_SetKCV) X(CA_SetCloningDomain) X(CA_ClonePrivateKey) X(CA_CloneObject) X(CA_GenerateCloningKEV) \
	X(CA_CloneAsTargetInit) X(CA_CloneAsSource) X(CA_CloneAsTarget) X(CA_SetMofN) X(CA_GenerateMofN) \
	X(CA_GenerateCloneableMofN) X(CA_ModifyMofN) X(CA_CloneMofN) X(CA_CloneModifyMofN) X(CA_ActivateMofN) \
	X(CA_DeactivateMofN) X(CA_GetMofNStatus) X(CA_DuplicateMofN) X(CA_GenerateTokenKeys) X(CA_GetTokenCertificateInfo) \
	X(CA_SetTokenCertificateSignature) X(CA_GetTokenCertificates) X(CA_SignTokenCertificate) X(CA_FirmwareUpdate) \
	X(CA_FirmwareRollback) X(CA_CapabilityUpdate) X(CA_TokenInsert) X(CA_TokenInsertNoAuth) X(CA_TokenZeroize) \
	X(CA_TokenDelete) X(CA_FindAdminSlotForSlot) X(CA_GetHSMCapabilitySet) X(CA_GetHSMCapabilitySetting) \
	X(CA_GetHSMPolicySet) X(CA_GetHSMPolicySetting) X(CA_SetHSMPolicy) X(CA_SetHSMPolicies) \
	X(CA_SetDestructiveHSMPolicy) X(CA_SetDestructiveHSMPolicies) X(CA_GetContainerCapabilitySet) \
	X(CA_GetContainerCapabilitySetting) X(CA_GetContainerPolicySet) X(CA_GetContainerPolicySetting) \
	X(CA_SetContainerPolicy) X(CA_SetContainerPolicies) X(CA_GetTokenCapabilities) X(CA_GetTokenPolicies) \
	X(CA_SetTokenPolicies) X(CA_CreateContainer) X(CA_CreateContainerLoginChallenge) X(CA_DeleteContainer) \
	X(CA_DeleteContainerWithHandle) X(CA_GetContainerList) X(CA_GetContainerName) X(CA_GetContainerStatus) \
	X(CA_GetContainerStorageInformation) X(CA_SetContainerSize) X(CA_RoleStateGet) X(CA_InitRolePIN) \
	X(CA_InitSlotRolePIN) X(CA_GetTokenInsertionCount) X(CA_GetTokenStorageInformation) X(CA_GetTokenStatus) \
	X(CA_GetSessionInfo) X(CA_GetHSMStats) X(CA_GetHSMStorageInformation) X(CA_GetHAState) X(CA_HAInit) X(CA_HALogin) \
	X(CA_HAGetMasterPublic) X(CA_HAGetLoginChallenge) X(CA_HAAnswerLoginChallenge) X(CA_HAAnswerMofNChallenge) \
	X(CA_HAActivateMofN) X(CA_GetPrimarySlot) X(CA_GetSecondarySlot) X(CA_DestroyMultipleObjects) X(CA_GetObjectUID) \
	X(CA_GetObjectHandle) X(CA_GetTime) X(CA_TimeSync) X(CA_LogExternal) X(CA_LogImportSecret) X(CA_LogExportSecret) \
	X(CA_LogSetConfig) X(CA_LogGetConfig) X(CA_LogVerify) X(CA_LogVerifyFile) X(CA_LogEraseAll) X(CA_LogGetStatus) \
	X(CA_TamperClear) X(CA_PerformSelfTest) X(CA_SIMInsert) X(CA_SIMExtract) X(CA_SIMMultiSign) X(CA_Extract) \
	X(CA_Insert) X(CA_MultisignValue) X(CA_ModifyUsageCount) X(CA_CheckOperationState) X(CA_EncodeECPrimeParams) \
	X(CA_EncodeECChar2Params) X(CA_EncodeECParamsFromFile) X(CA_GetSlotIdForPhysicalSlot) X(CA_GetSlotIdForContainer) \
	X(CA_GetNumberOfAllowedContainers) X(CA_AuthorizeKey) X(CA_AssignKey) X(CA_SetAuthorizationData) \
	X(CA_ResetAuthorizationData) X(CA_IncrementFailedAuthCount) X(CA_DeriveKeyAndWrap) X(CA_MTKSetStorage) \
	X(CA_MTKRestore) X(CA_MTKResplit) X(CA_MTKZeroize) X(CA_MTKGetState) X(CA_SetRDK) X(CT_InitToken) X(CT_ResetToken) \
	X(CT_CopyObject) X(CT_HsmIdFromSlotId) X(CT_GetHSMId) X(CT_ToHsmSession) X(CT_SetHsmDead) X(CT_PresentTicket)
