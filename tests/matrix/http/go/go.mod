module redtap.test/http

go 1.21
