for (const database of ['ttk', 'reporting']) {
  const roles = ['readWrite', 'dbAdmin'].map((role) => ({ role, db: database }))
  db.getSiblingDB(database).createUser({ user: database, pwd: '{{secret:objstore-password}}', roles })
}
