using System.Diagnostics;
using JitGrains.GatewayTests.Hostile;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Tls;

/// <summary>A gateway whose callers' listener speaks TLS, with certificates in files of its own, and the tools that talk to it.</summary>
internal sealed class TlsHost : IAsyncDisposable
{
    private TlsHost(string folder, TestAuthority authority, OrdersUpstream upstream) => (Folder, Authority, Upstream) = (folder, authority, upstream);

    public string Folder { get; }

    public TestAuthority Authority { get; }

    public OrdersUpstream Upstream { get; }

    public GatewayFixture Gateway { get; private set; } = null!;

    public string Ca => Path.Combine(Folder, "ca.pem");

    public int Port => Gateway.Gateway.Port;

    public static async Task<TlsHost> Start(Func<TlsHost, IEnumerable<(string Name, string Value)>>? more = null, string policy = AddressPolicy.Text)
    {
        var host = new TlsHost(Directory.CreateTempSubdirectory("jitgrains-tls-").FullName, TestAuthority.Make("Authority"), await OrdersUpstream.Start());
        await File.WriteAllTextAsync(host.Ca, host.Authority.Pem);
        host.Write("one", "api.example.com");
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Tls:Certificates:0:Certificate"] = host.PathOf("one.pem"),
            ["Tls:Certificates:0:Key"] = host.PathOf("one.key"),
        };
        foreach (var (name, value) in more?.Invoke(host) ?? [])
            settings[name] = value;
        host.Gateway = await GatewayFixture.Start(host.Upstream.Address, policy, settings: settings, args: ["--store", "memory"]);
        return host;
    }

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Writes a server's certificate and key under a name.</summary>
    public void Write(string name, params string[] hosts)
    {
        using var certificate = Authority.Server(hosts);
        TestAuthority.Write(certificate, PathOf(name + ".pem"), PathOf(name + ".key"));
    }

    /// <summary>What openssl's client says of a handshake.</summary>
    public Task<(int Code, string Output)> Handshake(string sni, params string[] more) =>
        Run("openssl", ["s_client", "-connect", $"127.0.0.1:{Port}", "-servername", sni, "-CAfile", Ca, .. more]);

    /// <summary>What curl says, with the status and the protocol of the answer at the end.</summary>
    public Task<(int Code, string Output)> Curl(string path, params string[] more) =>
        Run("curl", ["-sS", "--max-time", "20", "--cacert", Ca, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", $"{Gateway.Gateway.GetLeftPart(UriPartial.Authority)}{path}", .. more]);

    public static async Task<(int Code, string Output)> Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var texts = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Concat(texts));
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Upstream.DisposeAsync();
        Authority.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
