using System.Security.Cryptography;
using JitGrains.Silo.Secrets;

namespace JitGrains.Simulation.Cluster;

/// <summary>The keys of every simulated cluster: always the same, so that digests are.</summary>
internal static class Keys
{
    public static readonly KeyRing Ring = Make();

    private static KeyRing Make()
    {
        var number = new byte[32];
        Array.Fill(number, (byte)0x37);
        using var signing = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = number });
        return KeyRing.Import([.. Enumerable.Repeat((byte)0x51, 32)], signing.ExportPkcs8PrivateKey());
    }
}
