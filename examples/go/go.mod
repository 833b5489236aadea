module appserver

go 1.19
