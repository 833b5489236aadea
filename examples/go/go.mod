module appserver

// Not 1.24 or later, unless `godebug rsa1024min=0` is added: README.md, "512 bits".
go 1.19
