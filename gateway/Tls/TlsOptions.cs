using System.Globalization;

namespace JitGrains.Gateway.Tls;

/// <summary>Whether callers are asked for a certificate of their own.</summary>
public enum ClientCertificates
{
    /// <summary>They are not.</summary>
    None,

    /// <summary>They are, and may do without.</summary>
    Request,

    /// <summary>Without one that <see cref="TlsOptions.ClientCa"/> knows there is no connection.</summary>
    Require,
}

/// <summary>A certificate of a listener, and for which names it is shown.</summary>
public sealed record CertificateFile
{
    /// <summary>A PEM file (the certificate, then its intermediates) or a PKCS #12 file (<c>.pfx</c>, <c>.p12</c>).</summary>
    public string Certificate { get; init; } = "";

    /// <summary>The PEM file with its private key. Default: the file of the certificate.</summary>
    public string? Key { get; init; }

    /// <summary>A file whose first line is the password of the key, or of the PKCS #12 file. Default: none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>For which names (SNI) it is shown, <c>*.example.com</c> standing for one label. Default: those of the certificate.</summary>
    public IList<string> Hosts { get; init; } = [];

    internal IEnumerable<string> Files => new[] { Certificate, Key, PasswordFile }.OfType<string>();
}

/// <summary>How a listener speaks TLS. docs/operations.md lists the settings.</summary>
public sealed record TlsOptions
{
    /// <summary>What a listener's setting says where TLS is the business of what stands in front.</summary>
    public const string Terminated = "terminated";

    /// <summary>Its certificates; the first is shown to whoever names no host, or an unknown one.</summary>
    public IList<CertificateFile> Certificates { get; init; } = [];

    /// <summary>The least version, 1.2 or 1.3. Default 1.2.</summary>
    public string MinVersion { get; init; } = "1.2";

    /// <summary>Whether callers are asked for a certificate. Default no.</summary>
    public ClientCertificates ClientCertificates { get; init; }

    /// <summary>A PEM file of authorities: a client certificate that is none of theirs ends the handshake. Default none: any passes, and what it is worth is found later.</summary>
    public string? ClientCa { get; init; }

    /// <summary>How long a handshake may take. Default 10 s.</summary>
    public TimeSpan HandshakeWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Every file that is read.</summary>
    internal IReadOnlyList<string> Files => [.. Certificates.SelectMany(c => c.Files), .. ClientCa is null ? [] : (string[])[ClientCa]];

    internal IEnumerable<string> Problems(string name)
    {
        if (Certificates.Count == 0)
            yield return $"{name}:Certificates: name at least one, or say {name}={Terminated} where what stands in front speaks TLS.";
        for (var i = 0; i < Certificates.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(Certificates[i].Certificate))
                yield return $"{name}:Certificates:{i.ToString(CultureInfo.InvariantCulture)}:Certificate names a PEM or PKCS #12 file.";
        }

        if (MinVersion is not ("1.2" or "1.3"))
            yield return $"{name}:MinVersion is 1.2 or 1.3.";
        if (ClientCertificates == ClientCertificates.Require && ClientCa is null)
            yield return $"{name}:ClientCa names the authorities of the certificates that are required.";
        if (ClientCertificates == ClientCertificates.None && ClientCa is not null)
            yield return $"{name}:ClientCa goes with ClientCertificates=request or require.";
        if (HandshakeWithin <= TimeSpan.Zero || HandshakeWithin > TimeSpan.FromMinutes(5))
            yield return $"{name}:HandshakeWithin is more than zero and at most 5 minutes.";
    }
}

/// <summary>What one listener is told of TLS: nothing, that others speak it, or how to.</summary>
/// <param name="IsTerminated">What stands in front speaks it.</param>
/// <param name="Own">How this process speaks it, or null.</param>
public sealed record ListenerTls(bool IsTerminated, TlsOptions? Own)
{
    /// <summary>Clear text.</summary>
    public static readonly ListenerTls Clear = new(false, null);

    internal static ListenerTls Read(IConfiguration section, string name, ICollection<string> problems)
    {
        var of = section.GetSection(name);
        if (!string.IsNullOrWhiteSpace(of.Value))
        {
            if (of.Value.Equals(TlsOptions.Terminated, StringComparison.OrdinalIgnoreCase))
                return new ListenerTls(true, null);
            problems.Add($"{name}: '{of.Value}' is not '{TlsOptions.Terminated}', nor a section with Certificates.");
            return Clear;
        }

        if (!of.GetChildren().Any())
            return Clear;
        try
        {
            return new ListenerTls(false, of.Get<TlsOptions>(o => o.ErrorOnUnknownConfiguration = true));
        }
        catch (InvalidOperationException e)
        {
            problems.Add($"{name}: {(e.InnerException ?? e).Message}");
            return Clear;
        }
    }

    /// <summary>What is wrong with it at this address.</summary>
    internal IEnumerable<string> Problems(string name, string address, bool isLoopback) => Own is not null
        ? Own.Problems(name)
        : IsTerminated || isLoopback ? [] :
        [
            $"{address}: beyond loopback tokens would travel in clear text. Give {name}:Certificates to this process, or say {name}={TlsOptions.Terminated} "
            + "where a load balancer or service mesh in front speaks TLS, or listen on 127.0.0.1.",
        ];
}
