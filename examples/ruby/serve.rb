# frozen_string_literal: true

# Runs the application under WEBrick, says when it is ready, and ends well on SIGTERM.

require 'rack'
require 'timeout'
require 'webrick'
begin
  require 'rackup/handler/webrick' # rack 3
  handler = Rackup::Handler::WEBrick
rescue LoadError
  require 'rack/handler/webrick'
  handler = Rack::Handler::WEBrick
end
require_relative 'app'

# WEBrick has the whole body in memory before the application is asked. The application refuses
# from 1 MiB on, in words; this is for what is not even worth reading.
MAX_BODY_BYTES = 2 * 1024 * 1024
refuse_unfit = lambda do |request, _response|
  raise WEBrick::HTTPStatus::LengthRequired if request['transfer-encoding']

  lengths = request.header['content-length'].to_a
  # Of two, this server takes one and a proxy perhaps the other. What comes after is hidden from the
  # application: it gets a URI instead of the target, names with `_` for `-`, and values without the
  # white space and zero bytes around them.
  is_plain = lengths.size <= 1 && request.unparsed_uri.match?(%r{\A/[^#]*\z}) &&
             request.header.each_key.none? { |name| name.include?('_') } &&
             request.raw_header.none? { |line| line.b.match?(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/n) }
  raise WEBrick::HTTPStatus::BadRequest unless is_plain
  raise WEBrick::HTTPStatus::RequestEntityTooLarge if lengths.first.to_i > MAX_BODY_BYTES
end

# Each connection has a thread. WEBrick gives it half a minute for every piece that it reads, so that
# somebody who sends slowly has it for ever; a hundred such, and nobody else is served.
READ_SECONDS = 3
MAX_CONNECTIONS = 256
module OneDeadline
  def parse(socket = nil)
    within_the_limit { super }
  end

  def body(&block)
    block ? super : within_the_limit { super() }
  end

  private

  def within_the_limit(&block)
    Timeout.timeout(READ_SECONDS, WEBrick::HTTPStatus::RequestTimeout, &block)
  end
end
WEBrick::HTTPRequest.prepend(OneDeadline)

begin
  port = UploadServer.port
  app = UploadServer.new
rescue ArgumentError => e
  abort e.message
end

%w[TERM INT].each { |signal| trap(signal) { handler.shutdown } }
begin
  handler.run(
    app,
    Host: '127.0.0.1',
    Port: port,
    AccessLog: [],
    Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN),
    RequestCallback: refuse_unfit,
    MaxClients: MAX_CONNECTIONS,
    RequestTimeout: READ_SECONDS,
    StartCallback: -> { $stdout.puts("ready: http://127.0.0.1:#{port}/").then { $stdout.flush } }
  )
rescue SystemCallError => e # the port is taken
  abort e.message
end
