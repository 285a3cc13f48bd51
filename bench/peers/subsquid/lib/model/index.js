const { EntitySchema } = require('typeorm');

class Deposit {
    constructor(fields) {
        Object.assign(this, fields);
    }
}

exports.Deposit = Deposit;
exports.DepositSchema = new EntitySchema({
    name: 'Deposit',
    target: Deposit,
    tableName: 'deposit',
    columns: {
        id: { type: 'text', primary: true },
        to: { type: 'text' },
        value: { type: 'numeric' },
        block: { type: 'int' },
    },
});
