const refuse = () => {
  throw new Error('Excel files are not supported here: write CSV instead');
};
module.exports = new Proxy({}, { get: () => refuse });
