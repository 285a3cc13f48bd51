// What the SDK imports by name. Nobody calls it: a menu without bank payments never logs in.
const absent = (name) => () => {
    throw new Error(`${name} is not part of the tests`);
};

export const PrivyProvider = absent('PrivyProvider');
export const useLoginWithEmail = absent('useLoginWithEmail');
export const usePrivy = absent('usePrivy');
export const useWallets = absent('useWallets');
