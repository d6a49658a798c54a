using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace JitGrains.Gateway.Tls;

/// <summary>
/// TLS of one listener: its certificates, picked by the name that the client asks for (SNI), taken anew when their files changed;
/// and what is asked of clients. Changed files that cannot be taken leave the last good certificates in use. Thread-safe.
/// </summary>
internal sealed partial class TlsListener
{
    /// <summary>How long before its end a certificate is warned of.</summary>
    private static readonly TimeSpan WarnBefore = TimeSpan.FromDays(14);

    private readonly string setting;
    private readonly TlsOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly WatchedFiles files;
    private readonly SslProtocols versions;
    private readonly List<SslApplicationProtocol> protocols;
    private Snapshot current;

    /// <summary>Reads the files.</summary>
    /// <exception cref="StartupException">One cannot be taken.</exception>
    public TlsListener(string setting, TlsOptions options, HttpProtocols protocols, TimeProvider time, ILogger logger)
    {
        (this.setting, this.options, this.time, this.logger) = (setting, options, time, logger);
        versions = options.MinVersion == "1.3" ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13;
        this.protocols = [.. protocols == HttpProtocols.Http1 ? [] : (SslApplicationProtocol[])[SslApplicationProtocol.Http2], .. protocols == HttpProtocols.Http2 ? [] : (SslApplicationProtocol[])[SslApplicationProtocol.Http11]];
        files = new WatchedFiles(options.Files);
        current = Read(out var problem) ?? throw new StartupException([$"{setting}: {problem}."]);
        Tell(current);
    }

    private sealed record Snapshot(ImmutableArray<LoadedCertificate> Certificates, CertificateTrust? Clients);

    /// <summary>Whether the files are not those in use.</summary>
    public bool Degraded { get; private set; }

    /// <summary>The listener's setting, by which it is named in metrics and logs.</summary>
    public string Setting => setting;

    /// <summary>When the first certificate to end does so.</summary>
    public DateTimeOffset FirstEnd => Volatile.Read(ref current).Certificates.Min(c => c.NotAfter);

    /// <summary>Looks at the files once.</summary>
    public void Look()
    {
        if (!files.Changed())
            return;
        if (Read(out var problem) is { } snapshot)
        {
            Volatile.Write(ref current, snapshot);
            Tell(snapshot);
        }
        else
        {
            LogRejected(logger, setting, problem);
        }

        Degraded = problem.Length > 0;
    }

    /// <summary>For the server: what each handshake uses.</summary>
    public TlsHandshakeCallbackOptions Handshake() => new()
    {
        HandshakeTimeout = options.HandshakeWithin,
        OnConnection = context => ValueTask.FromResult(For(context.ClientHelloInfo.ServerName, context.Connection)),
    };

    private SslServerAuthenticationOptions For(string host, BaseConnectionContext connection)
    {
        var snapshot = Volatile.Read(ref current);
        var ssl = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Pick(snapshot.Certificates, host).Context,
            EnabledSslProtocols = versions,
            ApplicationProtocols = protocols,
            AllowRenegotiation = false,
            // Revocation lists are looked at for each call, not in the handshake.
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CipherSuitesPolicy = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() ? Suites.Policy : null,
        };
        if (options.ClientCertificates != ClientCertificates.None)
        {
            ssl.ClientCertificateRequired = true;
            ssl.RemoteCertificateValidationCallback = (_, certificate, chain, _) => Admit(snapshot, connection, certificate, chain);
        }

        return ssl;
    }

    private static LoadedCertificate Pick(ImmutableArray<LoadedCertificate> certificates, string host)
    {
        foreach (var certificate in certificates)
        {
            if (certificate.Serves(host))
                return certificate;
        }

        return certificates[0];
    }

    /// <summary>Whether the handshake goes on with this client certificate, which the connection then carries.</summary>
    private bool Admit(Snapshot snapshot, BaseConnectionContext connection, X509Certificate? certificate, X509Chain? chain)
    {
        if (certificate is null)
            return options.ClientCertificates == ClientCertificates.Request;
        // Copies: those of the handshake end with it.
        var own = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        ImmutableArray<X509Certificate2> sent = chain is null ? [] : [.. chain.ChainPolicy.ExtraStore.Select(c => X509CertificateLoader.LoadCertificate(c.RawDataMemory.Span))];
        if (snapshot.Clients is { } trust && trust.ChainOf(own, sent, time.GetUtcNow(), out _) is null)
            return false;
        connection.Features.Set(new PresentedCertificate(own, sent));
        return true;
    }

    private Snapshot? Read(out string problem)
    {
        var at = "";
        try
        {
            var certificates = ImmutableArray.CreateBuilder<LoadedCertificate>();
            foreach (var file in options.Certificates)
            {
                at = file.Certificate;
                certificates.Add(LoadedCertificate.Read(file));
            }

            at = options.ClientCa ?? "";
            var clients = options.ClientCa is { } path ? CertificateTrust.Read(File.ReadAllText(path)) : null;
            problem = "";
            return new Snapshot(certificates.DrainToImmutable(), clients);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            problem = $"{at}: {e.Message.TrimEnd('.')}";
            return null;
        }
    }

    private void Tell(Snapshot snapshot)
    {
        foreach (var certificate in snapshot.Certificates)
        {
            LogTaken(logger, setting, certificate.Subject, string.Join(' ', certificate.Hosts), certificate.NotAfter);
            if (certificate.NotAfter < time.GetUtcNow() + WarnBefore)
                LogEnding(logger, setting, certificate.Subject, certificate.NotAfter);
        }
    }
}
