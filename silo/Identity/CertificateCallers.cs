using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using JitGrains.Identity;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Identity;

/// <summary>What a client certificate is worth. Closed.</summary>
internal abstract record CertificateStanding
{
    private CertificateStanding() { }

    /// <summary>What conditions of rules may look at; null where nothing it says is to be believed.</summary>
    public DeviceCertificate? Device { get; private init; }

    /// <summary>It shows who calls.</summary>
    public sealed record Known : CertificateStanding
    {
        public Known(TokenResult.Valid result, DeviceCertificate device) => (Result, Device) = (result, device);

        public TokenResult.Valid Result { get; }
    }

    /// <summary>It shows by which device a token is used, and nobody by itself.</summary>
    public sealed record OfDevice : CertificateStanding
    {
        public OfDevice(DeviceCertificate device) => Device = device;
    }

    /// <summary>No configured authority issued it: it says nothing, and does no harm beside a token.</summary>
    public sealed record Foreign : CertificateStanding;

    /// <summary>It must not be used, beside a token neither.</summary>
    public sealed record Refused(TokenResult Why) : CertificateStanding;
}

/// <summary>
/// Tells who calls by a client certificate: its authority, its names, its authority's revocation lists. Files are taken anew when they changed;
/// what cannot be taken leaves the last good ones in use, until a list runs out. What was found is kept with the connection's certificate. Thread-safe.
/// </summary>
public sealed partial class CertificateCallers : BackgroundService
{
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    private readonly IReadOnlyList<CertificateIssuerOptions> options;
    private readonly TimeSpan every;
    private readonly TimeProvider time;
    private readonly ILogger<CertificateCallers> logger;
    private readonly WatchedFiles files;
    private Snapshot current;

    /// <summary>Reads the files.</summary>
    /// <exception cref="StartupException">One cannot be taken.</exception>
    public CertificateCallers(IReadOnlyList<CertificateIssuerOptions> options, TimeSpan every, TimeProvider time, ILogger<CertificateCallers> logger)
    {
        (this.options, this.every, this.time, this.logger) = (options, every, time, logger);
        files = new WatchedFiles([.. options.SelectMany(o => o.Files)]);
        current = Read(out var problem) ?? throw new StartupException([$"CertificateIssuers: {problem}."]);
    }

    /// <summary>What was found for a certificate, and how long that holds.</summary>
    internal sealed record Found(CertificateStanding Standing, object Of, DateTimeOffset From, DateTimeOffset Until);

    private sealed record Snapshot(ImmutableArray<Authority> Authorities);

    private sealed record Authority(CertificateIssuerOptions Options, CertificateTrust Trust, ImmutableArray<RevocationList> Lists, CertificateNames Names);

    /// <summary>What the certificate is worth now. From memory but for a connection's first call, a change of files, and when time has changed it.</summary>
    internal CertificateStanding Look(PresentedCertificate presented, DateTimeOffset now)
    {
        var snapshot = Volatile.Read(ref current);
        if (presented.Found is { } found && ReferenceEquals(found.Of, snapshot) && now >= found.From && now < found.Until)
            return found.Standing;
        var until = new DateTimeOffset(presented.Certificate.NotAfter);
        var standing = Find(snapshot.Authorities, presented, now, ref until);
        presented.Found = new Found(standing, snapshot, now, until);
        return standing;
    }

    /// <summary>Looks at the files once.</summary>
    internal void Look()
    {
        if (!files.Changed())
            return;
        if (Read(out var problem) is { } read)
        {
            Volatile.Write(ref current, read);
            LogTaken(logger, read.Authorities.Length, read.Authorities.Sum(a => a.Lists.Length));
        }
        else
        {
            LogRejected(logger, problem);
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Count == 0)
            return;
        using var timer = new PeriodicTimer(every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            Look();
    }

    private static CertificateStanding Find(ImmutableArray<Authority> authorities, PresentedCertificate presented, DateTimeOffset now, ref DateTimeOffset until)
    {
        var certificate = presented.Certificate;
        var (from, to) = (new DateTimeOffset(certificate.NotBefore), new DateTimeOffset(certificate.NotAfter));
        if (now < from || now > to)
        {
            until = now;
            return Refuse(PossessionCodes.CertificateExpired, "The client certificate has expired, or is not valid yet.");
        }

        foreach (var authority in authorities)
        {
            if (authority.Trust.ChainOf(certificate, presented.Sent, now, out _) is not { } chain)
                continue;
            if (Revoked(authority, chain, now, ref until) is { } refused)
                return refused;
            var device = new DeviceCertificate(presented.Thumbprint, authority.Options.Realm, CertificateNames.All(certificate));
            if (authority.Options.Devices)
                return new CertificateStanding.OfDevice(device);
            if (authority.Names.Find(certificate, out var problem) is not { } named)
                return Refuse(PossessionCodes.CertificateName, problem);
            return new CertificateStanding.Known(new TokenResult.Valid(new Caller
            {
                Principal = named.Principal,
                Groups = named.Groups,
                Claims = ImmutableDictionary<string, JsonElement>.Empty
                    .Add("x5t#S256", JsonSerializer.SerializeToElement(presented.Thumbprint)).Add("certificate_issuer", JsonSerializer.SerializeToElement(authority.Options.Realm)),
                Device = new CallerDevice { Certificate = presented.Thumbprint },
                TokenIssuedAt = from,
                TokenExpiresAt = to,
            }), device);
        }

        return new CertificateStanding.Foreign();
    }

    /// <summary>Why a chain is not to be used, or null. Each certificate but the root is looked for on the list of the one above it.</summary>
    private static CertificateStanding.Refused? Revoked(Authority authority, IReadOnlyList<X509Certificate2> chain, DateTimeOffset now, ref DateTimeOffset until)
    {
        for (var i = 0; i < chain.Count; i++)
        {
            var end = new DateTimeOffset(chain[i].NotAfter);
            until = end < until ? end : until;
            if (i + 1 == chain.Count || authority.Lists.IsEmpty)
                continue;
            var lists = authority.Lists.Where(l => l.IsOf(chain[i + 1])).ToList();
            if (lists.Exists(l => l.Holds(chain[i])))
                return Refuse(PossessionCodes.CertificateRevoked, "The client certificate was revoked.");
            if (lists.Find(l => now < l.NextUpdate && now + Skew >= l.ThisUpdate) is { } good)
            {
                until = good.NextUpdate < until ? good.NextUpdate : until;
            }
            else if (i == 0 || lists.Count > 0)
            {
                until = now;
                return new CertificateStanding.Refused(new TokenResult.Unavailable("The revocation list of the client certificate's issuer is missing or out of date."));
            }
        }

        return null;
    }

    private static CertificateStanding.Refused Refuse(string code, string detail) => new(new TokenResult.Invalid(code, detail));

    private Snapshot? Read(out string problem)
    {
        var at = "";
        try
        {
            var all = ImmutableArray.CreateBuilder<Authority>();
            foreach (var one in options)
            {
                at = one.Ca;
                var trust = CertificateTrust.Read(File.ReadAllText(one.Ca));
                var lists = ImmutableArray.CreateBuilder<RevocationList>();
                foreach (var file in one.Crls)
                {
                    at = file;
                    lists.AddRange(RevocationList.ReadAll(File.ReadAllBytes(file)));
                }

                all.Add(new Authority(one, trust, lists.ToImmutable(), new CertificateNames(one)));
            }

            problem = "";
            return new Snapshot(all.ToImmutable());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or FormatException or ArgumentException)
        {
            problem = $"{at}: {e.Message.TrimEnd('.')}";
            return null;
        }
    }

    [LoggerMessage(2110, LogLevel.Information, "Client certificates: {Authorities} authorities with {Lists} revocation lists are in use")]
    private static partial void LogTaken(ILogger logger, int authorities, int lists);

    [LoggerMessage(2111, LogLevel.Error, "Client certificates: the changed files cannot be taken, the last good ones stay in use: {Problem}")]
    private static partial void LogRejected(ILogger logger, string problem);
}
